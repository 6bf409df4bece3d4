// One look at a run for one scrape: which groups and members are shown, under which labels, and what their sums are.

import { seesFunctions } from '../../core/rung.js';
import { type Group, inOrder } from '../../core/state/group.js';
import type { Member } from '../../core/state/member.js';
import type { State } from '../../core/state/state.js';
import { addSums, createSums, type Sums } from '../../core/state/sums.js';
import { clean } from '../../core/text/format.js';
import { netnsName } from '../../core/words/netns.js';
import type { Tally } from './tally.js';

/** Names and values; an empty value is a label that is not there. */
export type Labels = Readonly<Record<string, string | number>>;

/** What State does not know of the tool itself. */
export type Tool = {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly nowNs: number;
  /** Times that the tool started bpftrace again. */
  readonly restarts: number;
  /** CPU time and resident memory of the tool's processes; null = could not be read. */
  readonly usage: readonly {
    readonly process: 'node' | 'bpftrace';
    readonly cpuSeconds: number | null;
    readonly residentBytes: number | null;
  }[];
};

export type Look = {
  readonly state: State;
  readonly tally: Tally;
  readonly tool: Tool;
  readonly groups: readonly { readonly group: Group; readonly sums: Sums; readonly at: Labels }[];
  readonly members: readonly { readonly member: Member; readonly at: Labels }[];
  /** Labels of a group, by its key. */
  readonly labelsOf: (key: string) => Labels;
  /** Left out, because there are too many to be scraped. */
  readonly hidden: { readonly groups: number; readonly members: number };
};

/**
 * A scrape of this many members has 2 MB and takes 0.2 s, in which nothing is read from bpftrace: its buffers hold about a
 * second of details. The groups' own metrics count all members.
 */
const MEMBERS_SHOWN = 1024;
const GROUPS_SHOWN = 1024;
/** A group is shown this long after its last member left: what was lost then must be scraped once. Prometheus looks back as long. */
const ENDED_SHOWN_NS = 300e9;

export const lookAt = (state: State, tally: Tally, tool: Tool): Look => {
  const labels = new Map<string, Labels>();
  const labelsOf = (key: string): Labels => {
    const known = labels.get(key);
    const group = state.groups.get(key);
    if (known !== undefined || group === undefined) return known ?? {};
    const { proto, netns, laddr, lport } = group;
    const made = { netns: netnsName(state, netns), proto, address: clean(laddr), port: lport };
    labels.set(key, made);
    return made;
  };
  const { sums, endedNs } = sumUp(state);
  const isShown = (group: Group): boolean =>
    group.members.size > 0 || tool.nowNs - (endedNs.get(group.key) ?? 0) < ENDED_SHOWN_NS;
  const groups = [...state.groups.values()].filter(isShown);
  const shown = groups.slice(0, GROUPS_SHOWN);
  const members = shown.flatMap(inOrder);
  return {
    state,
    tally,
    tool,
    groups: shown.map((group) => ({
      group,
      sums: sums.get(group.key) ?? group.gone,
      at: labelsOf(group.key),
    })),
    members: members
      .slice(0, MEMBERS_SHOWN)
      .map((member) => ({ member, at: { ...labelsOf(member.group), ino: member.ino } })),
    labelsOf,
    hidden: {
      groups: groups.length - shown.length,
      members: members.length - Math.min(members.length, MEMBERS_SHOWN),
    },
  };
};

/** Before the probes were attached nothing was counted. */
export const hasCounts = ({ state }: Look): boolean => state.attachedNs !== null;

/** Whether this rung sees drops, resets and migrations. */
export const knowsLoss = ({ state }: Look): boolean => seesFunctions(state.rung);

/** The sums of each group, and when its last member left. */
const sumUp = (state: State): { sums: Map<string, Sums>; endedNs: Map<string, number> } => {
  const sums = new Map<string, Sums>();
  const endedNs = new Map<string, number>();
  for (const { key, gone } of state.groups.values()) sums.set(key, { ...gone });
  for (const member of state.departed.values()) {
    const sum = sums.get(member.group);
    if (sum !== undefined) addSums(sum, member, state.rung);
  }
  for (const member of state.members.values()) {
    const sum = sums.get(member.group) ?? createSums();
    addSums(sum, member, state.rung);
    if (member.closedNs !== null) {
      endedNs.set(member.group, Math.max(member.closedNs, endedNs.get(member.group) ?? 0));
    }
  }
  return { sums, endedNs };
};
