// Finds a program in the folders of a PATH, as the kernel would be asked to start it; it starts nothing.
import { accessSync, constants } from 'node:fs';

/** Where the program is; null when none of the folders, separated by colons, has one that may be executed. */
export const findCommand = (name: string, path = process.env.PATH ?? ''): string | null =>
  path
    .split(':')
    .filter((folder) => folder !== '')
    .map((folder) => `${folder}/${name}`)
    .find(isExecutable) ?? null;

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
