// A real browser without a screen: loads a page from a file, answers what it looks like from inside and what it complained of.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** Longest wait for a browser on a slow machine. */
const WAIT_MS = 120_000;

export type Browser = {
  /** Puts a file where the browser finds it; returns its path. */
  readonly put: (name: string, text: string) => string;
  /** The page as it is after everything in it has run, and what the browser's console said. */
  readonly dump: (path: string) => Promise<{ readonly dom: string; readonly console: string[] }>;
  readonly close: () => void;
};

/** Its profile and its pages are in a folder of their own. */
export const openBrowser = (): Browser => {
  const folder = mkdtempSync(join(tmpdir(), 'reuseport-browser-'));
  return {
    put: (name, text) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
    dump: async (path) => {
      const { stdout, stderr } = await execa(
        'chromium',
        [
          ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
          // A page may look into its own frame, and wait for what it loads there.
          ...[
            '--allow-file-access-from-files',
            '--virtual-time-budget=20000',
            '--enable-logging=stderr',
            '--v=0',
          ],
          ...[`--user-data-dir=${join(folder, 'profile')}`, '--dump-dom', `file://${path}`],
        ],
        { timeout: WAIT_MS, env: { HOME: folder } },
      );
      return { dom: stdout, console: stderr.split('\n').filter((line) => line.includes(':CONSOLE')) };
    },
    close: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
};
