// Picks with their hashes, recorded, and who then got 1,000 fresh source ports: in groups of several sizes, TCP and UDP, in two
// network namespaces. What the recording predicts for those ports is worked out on the host, because a search is slow in a guest:
// node dist/test/lab/predicted.js GUEST
import { existsSync } from 'node:fs';
import { startTool } from '../../live/tool.js';
import { recordGroups } from '../../workloads/groups.js';
import { stopAll } from '../../workloads/workload.js';
import type { Case } from '../case.js';

/** Asked for by name: what it records is judged on the host, where a search takes minutes. */
const hash: Case = {
  isLong: true,
  name: 'fentry records what tells who gets 1,000 fresh source ports of each group',
  run: async () => {
    try {
      await recordGroups(existsSync('/out') ? '/out' : '/tmp', {
        ...{ port: 8700, picks: 6, hasUdp: true },
        start: (record) => startTool(['-P', '8700', '--probe', 'fentry', '--record', record]),
      });
    } finally {
      await stopAll();
    }
  },
};

export const cases: readonly Case[] = [hash];
