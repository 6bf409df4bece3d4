// Names of the errors that bind() and listen() return.

const NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  9: 'EBADF',
  13: 'EACCES',
  14: 'EFAULT',
  22: 'EINVAL',
  88: 'ENOTSOCK',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
};

/** `EADDRINUSE` of -98 (or 98); `errno 7` of one without a name here. */
export const errnoName = (ret: number): string => NAMES[Math.abs(ret)] ?? `errno ${Math.abs(ret)}`;
