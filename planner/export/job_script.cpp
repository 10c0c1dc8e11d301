#include "planner/export/job_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace paraplan {
namespace {

constexpr const char* kContinued = " \\\n";  // the command goes on in the next line

std::string comments(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "# " + line + "\n";
  return text;
}

std::string exports(const std::vector<Setting>& environment) {
  std::string text;
  for (const Setting& variable : environment)
    text += fmt::format("export {}={}\n", variable.name, variable.value);
  return text;
}

// What the start of the processes needs to know, in shell words.
struct Meeting {
  std::string rank, host, port;
};

std::string starter_line(const Launch& launch, Starter starter, const Meeting& meeting) {
  const Cluster& cluster = launch.cluster;
  switch (starter) {
    case Starter::torchrun:
      return fmt::format(
          "torchrun --nnodes {} --nproc-per-node {} --node-rank {} --master-addr {} --master-port {}",
          cluster.nodes, cluster.devices_per_node, meeting.rank, meeting.host, meeting.port);
    case Starter::accelerate:
      return fmt::format(
          "accelerate launch --num_machines {} --num_processes {} --machine_rank {} "
          "--main_process_ip {} --main_process_port {}",
          cluster.nodes, cluster.devices(), meeting.rank, meeting.host, meeting.port);
    case Starter::environment:
      return fmt::format("env NNODES={} NPROC_PER_NODE={} NODE_RANK={} MASTER_ADDR={} MASTER_PORT={}",
                         cluster.nodes, cluster.devices_per_node, meeting.rank, meeting.host, meeting.port);
  }
  return "";
}

std::string command(const Launch& launch, const JobCommand& job, const Meeting& meeting,
                    const std::string& indent) {
  std::string text = starter_line(launch, job.starter, meeting) + kContinued + indent + "  " + job.program;
  for (const std::string& argument : job.arguments) text += kContinued + indent + "  " + argument;
  return text;
}

std::string script_for_torchrun(const Launch& launch, const JobCommand& job) {
  const std::string where =
      launch.cluster.nodes == 1
          ? ""
          : "# Run this on every node, with NODE_RANK = 0, 1, ... and MASTER_ADDR = the name of node 0.\n";
  return "#!/usr/bin/env bash\n" + comments(job.remarks) + where + "set -euo pipefail\n" +
         exports(job.environment) +
         command(launch, job,
                 {"\"${NODE_RANK:-0}\"", "\"${MASTER_ADDR:-localhost}\"", "\"${MASTER_PORT:-29500}\""}, "") +
         "\n";
}

std::string slurm_options(const Launch& launch) {
  return fmt::format(
      "#SBATCH --job-name={}\n#SBATCH --nodes={}\n#SBATCH --ntasks-per-node=1\n"
      "#SBATCH --gpus-per-node={}\n#SBATCH --exclusive\n",
      launch.name, launch.cluster.nodes, launch.cluster.devices_per_node);
}

// One task per node, which starts the processes there. Quotes inside are the task's.
std::string script_for_slurm(const Launch& launch, const JobCommand& job, bool batch) {
  const Meeting meeting{"\"$SLURM_PROCID\"", "\"$MASTER_ADDR\"", "\"$MASTER_PORT\""};
  return "#!/usr/bin/env bash\n" + (batch ? slurm_options(launch) : "") + comments(job.remarks) +
         (batch ? "# sbatch this file.\n" : "# Run this inside an allocation: salloc, then bash.\n") +
         "set -euo pipefail\n" + exports(job.environment) +
         "MASTER_ADDR=$(scontrol show hostnames \"$SLURM_JOB_NODELIST\" | head -n 1)\n"
         "export MASTER_ADDR MASTER_PORT=${MASTER_PORT:-29500}\n" +
         fmt::format("srun --nodes {} --ntasks-per-node 1 --gpus-per-node {} bash -c '\n  {}\n'\n",
                     launch.cluster.nodes, launch.cluster.devices_per_node,
                     command(launch, job, meeting, "  "));
}

// A name that Kubernetes takes: lower case, digits and dashes.
std::string kubernetes_name(const std::string& name) {
  std::string text = name;
  for (char& c : text)
    c = std::isalnum(static_cast<unsigned char>(c)) != 0
            ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
            : '-';
  return text;
}

std::string job_set(const Launch& launch, const JobCommand& job) {
  const std::string name = kubernetes_name(launch.name), indent(20, ' ');
  const Cluster& cluster = launch.cluster;
  std::string variables;
  for (const Setting& variable : job.environment)
    variables +=
        fmt::format("{}- {{name: {}, value: \"{}\"}}\n", std::string(18, ' '), variable.name, variable.value);
  const Meeting meeting{"$JOB_COMPLETION_INDEX", "$MASTER_ADDR", "29500"};
  return comments(job.remarks) +
         "# Put the name of your image in place of IMAGE, then: kubectl apply -f this file (JobSet must be "
         "installed).\n" +
         fmt::format(
             "apiVersion: jobset.x-k8s.io/v1alpha2\n"
             "kind: JobSet\n"
             "metadata:\n"
             "  name: {}\n"
             "spec:\n"
             "  replicatedJobs:\n"
             "    - name: node\n"
             "      replicas: 1\n"
             "      template:\n"
             "        spec:\n"
             "          completions: {}\n"
             "          parallelism: {}\n"
             "          completionMode: Indexed\n"
             "          backoffLimit: 0\n"
             "          template:\n"
             "            spec:\n"
             "              restartPolicy: Never\n"
             "              containers:\n"
             "                - name: train\n"
             "                  image: IMAGE\n"
             "                  env:\n"
             "                  - {{name: MASTER_ADDR, value: {}-node-0-0.{}}}\n"
             "{}"
             "                  resources: {{limits: {{nvidia.com/gpu: {}}}}}\n"
             "                  command:\n"
             "                  - bash\n"
             "                  - -c\n"
             "                  - |\n"
             "                    {}\n",
             name, cluster.nodes, cluster.nodes, name, name, variables, cluster.devices_per_node,
             command(launch, job, meeting, indent));
}

}  // namespace

ExportFile job_file(const Launch& launch, const JobCommand& job, LauncherKind launcher) {
  switch (launcher) {
    case LauncherKind::torchrun:
      return {"launch.sh", script_for_torchrun(launch, job)};
    case LauncherKind::srun:
      return {"launch.sh", script_for_slurm(launch, job, false)};
    case LauncherKind::sbatch:
      return {"launch.sbatch", script_for_slurm(launch, job, true)};
    case LauncherKind::kubernetes:
      return {"launch.yaml", job_set(launch, job)};
  }
  return {};
}

}  // namespace paraplan
