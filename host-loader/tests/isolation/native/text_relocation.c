/* An address in the code, which the linker of the process would have to write there. */
__asm__(".text\nfs_plugin_test_address: .8byte fs_plugin_test_built\n");
