// What the C library wants of a system, without one: what is printed goes to the plugin's log, line by line.
//
// All of it is weak: code that needs more of WASI (files, clocks, the environment, chance) gets the library's own, and
// `forensic-host plugin build` then says which calls a plugin can't have.
#include "forensic.h"

#include <string.h>
#include <wasi/api.h>

// A longer line is logged in pieces; the host cuts lines at 1 KiB anyway.
static char line[1024];
static size_t length;

static void flush(__wasi_fd_t fd) {
  fr_text text = {(uint8_t *)line, length};
  if (length > 0) forensic_report_log_log(fd == 2 ? FR_LOG_ERROR : FR_LOG_INFO, &text);
  length = 0;
}

__attribute__((weak)) __wasi_errno_t __wasi_fd_write(__wasi_fd_t fd, const __wasi_ciovec_t *parts, size_t count,
                                                     __wasi_size_t *written) {
  *written = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t at = 0; at < parts[i].buf_len; at++) {
      char byte = (char)parts[i].buf[at];
      if (byte != '\n') line[length++] = byte;
      if (byte == '\n' || length == sizeof line) flush(fd);
    }
    *written += parts[i].buf_len;
  }
  return __WASI_ERRNO_SUCCESS;
}

// A terminal: then the library hands over each line as it ends.
__attribute__((weak)) __wasi_errno_t __wasi_fd_fdstat_get(__wasi_fd_t fd, __wasi_fdstat_t *stat) {
  if (fd > 2) return __WASI_ERRNO_BADF;
  memset(stat, 0, sizeof *stat);
  stat->fs_filetype = __WASI_FILETYPE_CHARACTER_DEVICE;
  return __WASI_ERRNO_SUCCESS;
}

__attribute__((weak)) __wasi_errno_t __wasi_fd_seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence,
                                                    __wasi_filesize_t *at) {
  (void)fd, (void)offset, (void)whence, (void)at;
  return __WASI_ERRNO_SPIPE;
}

__attribute__((weak)) __wasi_errno_t __wasi_fd_close(__wasi_fd_t fd) {
  (void)fd;
  return __WASI_ERRNO_BADF;
}

__attribute__((weak)) _Noreturn void __wasi_proc_exit(__wasi_exitcode_t code) {
  flush(2);
  fr_log(FR_LOG_ERROR, "the plugin called exit(%u)", (unsigned)code);
  __builtin_trap();
}
