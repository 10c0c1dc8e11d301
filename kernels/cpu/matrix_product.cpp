#include "kernels/cpu/matrix_product.h"

#include <algorithm>
#include <mutex>
#include <type_traits>

#include "kernels/cpu/spans.h"
#ifdef PARAPLAN_OPENBLAS
#include <cblas.h>
#endif

namespace paraplan {
namespace {

int64_t inner_size(const Gemm& product) {
  return product.transpose_a ? product.a.rows : product.a.columns;
}

#ifdef PARAPLAN_OPENBLAS

CBLAS_TRANSPOSE transposition(bool transpose) {
  return transpose ? CblasTrans : CblasNoTrans;
}

// The library wants a distance of at least a row's length, also for a single row.
blasint leading(const Matrix& m) {
  return static_cast<blasint>(std::max<int64_t>({m.stride, m.columns, 1}));
}

template <typename Real>
void library_product(const Gemm& g) {
  const auto m = static_cast<blasint>(g.c.rows), n = static_cast<blasint>(g.c.columns);
  const auto k = static_cast<blasint>(inner_size(g));
  const Real beta = g.accumulate ? Real{1} : Real{0};
  const auto gemm = [] {
    if constexpr (std::is_same_v<Real, float>)
      return cblas_sgemm;
    else
      return cblas_dgemm;
  }();
  gemm(CblasRowMajor, transposition(g.transpose_a), transposition(g.transpose_b), m, n, k, Real{1},
       static_cast<const Real*>(g.a.data), leading(g.a), static_cast<const Real*>(g.b.data), leading(g.b),
       beta, static_cast<Real*>(g.c.data), leading(g.c));
}

#else

template <typename Real>
auto dense(const Matrix& m) {
  using Dense = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<Dense, 0, Eigen::OuterStride<> >(static_cast<Real*>(m.data), m.rows, m.columns,
                                                     Eigen::OuterStride<>(m.stride));
}

template <typename Real, typename A, typename B>
void store_product(const A& a, const B& b, const Gemm& g) {
  auto c = dense<Real>(g.c);
  if (g.accumulate)
    c.noalias() += a * b;
  else
    c.noalias() = a * b;
}

template <typename Real>
void library_product(const Gemm& g) {
  const auto a = dense<Real>(g.a), b = dense<Real>(g.b);
  if (g.transpose_a && g.transpose_b)
    store_product<Real>(a.transpose(), b.transpose(), g);
  else if (g.transpose_a)
    store_product<Real>(a.transpose(), b, g);
  else if (g.transpose_b)
    store_product<Real>(a, b.transpose(), g);
  else
    store_product<Real>(a, b, g);
}

#endif

}  // namespace

template <typename Real>
void multiply(const Gemm& product) {
  if (product.c.elements() == 0) return;
  if (inner_size(product) > 0) return library_product<Real>(product);
  if (product.accumulate) return;
  for (int64_t r = 0; r < product.c.rows; ++r) row_span<Real>(product.c, r).setZero();
}

template void multiply<float>(const Gemm&);
template void multiply<double>(const Gemm&);

#ifdef PARAPLAN_OPENBLAS

void use_one_thread_per_product() {
  static std::once_flag once;  // the library's setting is one for the process
  std::call_once(once, [] { openblas_set_num_threads(1); });
}

// The library's configuration starts with its name and version.
std::string product_library() {
  const std::string config = openblas_get_config();
  return config.substr(0, config.find(' ', config.find(' ') + 1));
}

#else

// Eigen spreads products only in builds with OpenMP, and this is none.
void use_one_thread_per_product() {}

std::string product_library() {
  return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION);
}

#endif

}  // namespace paraplan
