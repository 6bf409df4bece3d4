// What the cases of one rung share: several workloads under one run of the tool, because attaching takes half a minute here.
import assert from 'node:assert/strict';
import type { Rung } from '../../src/core/event.js';
import { type Closing, startTool, type Tool } from '../live/tool.js';
import { stopAll } from '../workloads/workload.js';
import type { Case } from './case.js';

/** One workload: what happens before and under the tool, and what must then hold. Ports are its own. */
export type Workload = {
  /** A sentence: what holds. */
  readonly name: string;
  /** Listeners that are older than the tool. */
  readonly before?: () => Promise<void>;
  readonly run: (tool: Tool) => Promise<void>;
  /** Removes what would stay when every process has ended. */
  readonly after?: () => void;
  readonly check: (tool: Tool, closing: Closing) => void;
};

/** A case that runs every workload under one tool on a rung, and names each that does not hold. */
export const caseOf = (rung: Rung, workloads: readonly Workload[]): Case => ({
  name: `${rung}: ${workloads.map(({ name }) => name).join('; ')}`,
  run: async () => {
    const failures: Error[] = [];
    const attempt = async (name: string, step: () => Promise<void> | void): Promise<void> => {
      try {
        await step();
      } catch (error) {
        failures.push(new Error(`${name}: ${error instanceof Error ? error.stack : error}`));
      }
    };
    try {
      for (const { name, before } of workloads) await attempt(name, async () => before?.());
      const tool = await startTool(['--probe', rung]);
      for (const { name, run } of workloads) await attempt(name, () => run(tool));
      const closing = await tool.finish();
      for (const { name, check } of workloads) await attempt(name, () => check(tool, closing));
      await attempt('nothing lost, nothing malformed, the account closes', () => {
        assert.deepEqual(
          tool.events.filter((event) => event.kind === 'malformed'),
          [],
        );
        const { picks, shown, sampledAway, lost } = closing.summary;
        assert.deepEqual([picks, lost], [shown + sampledAway, 0]);
        assert.deepEqual([closing.exitCode, closing.stderr], [0, '']);
      });
    } finally {
      await stopAll();
      for (const { name, after } of workloads) await attempt(name, () => after?.());
    }
    if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('\n'));
  },
});
