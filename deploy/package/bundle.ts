// Bundles the program into one CommonJS script that reads no other file: probes, package.json and the search thread are inside.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** Where blessed finds its terminfo entry in the bundle: see src/tui/screen.ts. */
const TERMINFO = '/xterm-256color';

/**
 * blessed reads its terminfo entry from a file of its package; in the bundle it reads the bytes that stand there.
 * (blessed 0.1.81, lib/tput.js, readTerminfo: `data = fs.readFileSync(file)`.)
 */
const embedTerminfo: Plugin = {
  name: 'embed-terminfo',
  setup({ onLoad }) {
    onLoad({ filter: /blessed\/lib\/tput\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const reading = 'data = fs.readFileSync(file);';
      if (source.split(reading).length !== 2)
        throw new Error(`${path} reads terminfo in another way than 0.1.81`);
      const entry = readFileSync(join(path, '../../usr/xterm-256color')).toString('base64');
      const embedded = `data = file === '${TERMINFO}' ? Buffer.from('${entry}', 'base64') : fs.readFileSync(file);`;
      return { contents: source.replace(reading, () => embedded), loader: 'js' };
    });
  },
};

const COMMON: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  minify: true,
  // Errors and help name functions and classes.
  keepNames: true,
  legalComments: 'none',
  write: false,
  define: { 'import.meta.url': 'bundleUrl' },
  // The terminal widgets of blessed, which we do not use, want these.
  external: ['term.js', 'pty.js'],
  logLevel: 'warning',
  plugins: [embedTerminfo],
};

const BUNDLE_URL = `const bundleUrl = require('node:url').pathToFileURL(__filename).href;`;

/** The whole program as the text of one script. `root` is the checkout, built. Throws what esbuild says. */
export const bundle = async (root: string): Promise<string> => {
  const thread = await bundled(join(root, 'dist/src/hash/worker.js'), BUNDLE_URL);
  const files: Record<string, string> = {
    'package.json': readFileSync(join(root, 'package.json'), 'utf8'),
    'dist/commit': readFileSync(join(root, 'dist/commit'), 'utf8'),
    'dist/src/hash/worker.js': thread,
  };
  const probes = readdirSync(join(root, 'probes'), { recursive: true, encoding: 'utf8' });
  for (const file of probes.filter((name) => name.endsWith('.bt')).sort())
    files[`probes/${file}`] = readFileSync(join(root, 'probes', file), 'utf8');
  const banner = `${BUNDLE_URL}globalThis.reuseportTrace=${JSON.stringify({ files })};`;
  return bundled(join(root, 'dist/src/cli.js'), banner);
};

const bundled = async (entry: string, banner: string): Promise<string> => {
  const { outputFiles } = await build({ ...COMMON, entryPoints: [entry], banner: { js: banner } });
  const [file] = outputFiles ?? [];
  if (file === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  // The shebang of cli.js would come before the banner otherwise.
  return file.text.replace(/^#!.*\n/, '');
};
