# cmake --install BUILD [--prefix FOLDER]: the program, its CUDA module, and the models, profiles and scenarios it
# comes with. The installed folder may be moved as a whole: the program finds its parts from where it lies itself.
include(GNUInstallDirs)
set(data_folder ${CMAKE_INSTALL_DATADIR}/paraplan)
file(RELATIVE_PATH data_from_program ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_DATADIR}/paraplan)
set_source_files_properties(
  costmodel/io/files/data_folders.cpp
  PROPERTIES COMPILE_DEFINITIONS "PARAPLAN_DATA_FROM_PROGRAM=\"${data_from_program}\";PARAPLAN_SOURCE_DATA=\"${CMAKE_SOURCE_DIR}\"")

install(TARGETS paraplan RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY profiles scenarios DESTINATION ${data_folder} FILES_MATCHING PATTERN *.toml PATTERN *.tsv)
set(installed_targets paraplan)
if(TARGET paraplan_cuda)
  install(TARGETS paraplan_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/paraplan)
  list(APPEND installed_targets paraplan_cuda)
  file(RELATIVE_PATH module_from_program ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/paraplan)
  set_target_properties(paraplan PROPERTIES INSTALL_RPATH "$ORIGIN/${module_from_program}")
endif()
set_target_properties(${installed_targets} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)

# Completions and manual page, as the program itself describes its command line.
function(install_description form folder name)
  set(folder ${CMAKE_INSTALL_DATADIR}/${folder})
  install(CODE "
    file(MAKE_DIRECTORY \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${folder}\")
    execute_process(COMMAND \"$<TARGET_FILE:paraplan>\" completion ${form} COMMAND_ERROR_IS_FATAL ANY
                    OUTPUT_FILE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${folder}/${name}\")")
endfunction()
install_description(bash bash-completion/completions paraplan)
install_description(zsh zsh/site-functions _paraplan)
install_description(fish fish/vendor_completions.d paraplan.fish)
install_description(man man/man1 paraplan.1)
