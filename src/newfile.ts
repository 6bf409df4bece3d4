// Makes the files that the tool leaves behind: new ones, readable by their owner alone, who is whoever ran sudo.
import { closeSync, fchownSync, lstatSync, openSync, unlinkSync } from 'node:fs';

/** Creates a file, never writing into one that is there, and returns its descriptor. Throws what the system says. */
export const openNew = (path: string): number => {
  // O_EXCL follows no symbolic link: another user's cannot lead root to a file of its choice.
  const fd = openSync(path, 'wx', 0o600);
  try {
    giveAway(fd, process.env);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
};

/** Whether something has that name, be it a link that leads nowhere. */
export const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Removes a file, for --force. What else has that name, such as a link, a device or a folder, stays: openNew then fails. */
export const removeFile = (path: string): void => {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true) unlinkSync(path);
};

/** Largest uid or gid: -1 means "unchanged" to chown(2). */
const HIGHEST_ID = 0xffff_fffe;

/** Root gives the file to the user for whom sudo made it root, as sudo tells; when it tells nothing sensible it stays root's. */
const giveAway = (fd: number, env: NodeJS.ProcessEnv): void => {
  const owner = sudoUser(env);
  if (owner !== null && process.geteuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
};

/** SUDO_UID and SUDO_GID (sudo(8)), both numbers; null otherwise. */
export const sudoUser = (env: NodeJS.ProcessEnv): { readonly uid: number; readonly gid: number } | null => {
  const [uid, gid] = [env.SUDO_UID, env.SUDO_GID].map((text) =>
    /^\d{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN,
  );
  const isId = (id: number | undefined): id is number => id !== undefined && id <= HIGHEST_ID;
  return isId(uid) && isId(gid) ? { uid, gid } : null;
};
