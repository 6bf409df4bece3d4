import { afterEach, expect, it } from 'vitest';
import { runTool } from '../../../src/demo/tool.js';

const isTerminal = Object.getOwnPropertyDescriptor(process.stdin, 'isTTY');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const before = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
const ours = (signal: (typeof SIGNALS)[number]) =>
  process.listeners(signal).filter((listener) => before.get(signal)?.includes(listener) === false);

afterEach(() => {
  Object.defineProperty(process.stdin, 'isTTY', isTerminal ?? { value: undefined, configurable: true });
  for (const signal of SIGNALS) for (const listener of ours(signal)) process.off(signal, listener);
});

/** Ends with 3 when the first signal that it gets is SIGINT, with 5 when it is SIGTERM. */
const TOOL = ['sh', '-c', 'trap "exit 3" INT; trap "exit 5" TERM; while :; do sleep 0.05; done'];

it.each([
  ['leaves Ctrl-C to the terminal, which gives it to the tool too', true, 5],
  ['passes SIGINT on where there is no terminal', false, 3],
])('%s', async (_, value, exitCode) => {
  Object.defineProperty(process.stdin, 'isTTY', { value, configurable: true });
  const end = runTool(TOOL);
  // As if they had come to this process alone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) for (const listener of ours(signal)) listener(signal);
  expect(await end).toBe(exitCode);
});
