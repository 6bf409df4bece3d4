// Names of the errors that bind(), listen() and accept() return.

const NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  9: 'EBADF',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  88: 'ENOTSOCK',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  105: 'ENOBUFS',
};

/** `EADDRINUSE` of -98 (or 98); `errno 7` of one without a name here. */
export const errnoName = (ret: number): string => NAMES[Math.abs(ret)] ?? `errno ${Math.abs(ret)}`;
