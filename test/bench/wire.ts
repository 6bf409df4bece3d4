// Lines as bpftrace prints them, of as many connections as are asked for: what the reader is measured with; no kernel.
import { createHash } from 'node:crypto';

export type Rung = 'fentry' | 'tracepoint';

export type WireOptions = {
  readonly rung: Rung;
  readonly members: number;
  /** Connections a second, which set the distance of their times. */
  readonly perSecond: number;
  readonly startNs: number;
};

export type Wire = {
  /** Every member begins to listen, and its slot. */
  readonly begin: () => string;
  /** The lines of so many new connections, each from another client. */
  readonly connections: (count: number) => string;
  /** Connections that are counted only. */
  readonly count: (count: number) => void;
  /** All counters and the tick behind them. */
  readonly counters: (tsNs: number) => string;
  readonly nowNs: () => number;
};

const NETNS = 4_026_531_840;
const PORT = 8888;
/** Handshake, and wait for accept(). */
const [QUEUED_NS, WAIT_NS] = [40_000, 300_000];
/** Clients before their addresses come again. */
const CLIENTS = 2 ** 24;

export const createWire = ({ rung, members, perSecond, startNs }: WireOptions): Wire => {
  const inoOf = (index: number): number => 1_000_000 + index;
  const picks = new Array<number>(members).fill(0);
  const printed = new Array<number>(members).fill(0);
  let made = 0;
  const timeOf = (connection: number): number => startNs + Math.round((connection / perSecond) * 1e9);
  /** Any index as likely as another, the same on every run. */
  const hashOf = (connection: number): number =>
    createHash('md5').update(String(connection)).digest().readUInt32LE(0);
  const connection = (number: number): string => {
    const hash = Math.imul(number + 1, 0x9e3779b1) >>> 0;
    const index = Math.floor((hash * members) / 2 ** 32);
    const ino = inoOf(index);
    picks[index] = (picks[index] ?? 0) + 1;
    printed[index] = (printed[index] ?? 0) + 1;
    const ns = timeOf(number);
    const client = number % CLIENTS;
    const raddr = `10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`;
    const rport = 1024 + ((number * 7) % 60_000);
    const pid = 1000 + index;
    const choice = `${ns} ${ino} ${NETNS} 33 ${index} ${members} 1 4096 127.0.0.1 ${PORT} ${raddr} ${rport} ${number & 1}`;
    const accept = (fd: number, queuedNs: number): string =>
      `accept ${ns + QUEUED_NS + WAIT_NS} ${ino} ${pid} ${pid} 6b726f77 0 ${fd} ${ns} ${queuedNs}\n`;
    return rung === 'tracepoint'
      ? `pick ${choice}\n${accept(9, ns)}`
      : `choice ${choice} ${hash} -1 1 0 -1 10\nqueued ${ns + QUEUED_NS} ${ino} ${ns}\n${accept(-1, ns + QUEUED_NS)}`;
  };
  return {
    begin: () =>
      picks
        .map((_, index) => {
          const at = `${startNs} ${inoOf(index)} ${NETNS} 127.0.0.1 ${PORT} 33 1`;
          return `listen ${at} ${1000 + index} 6b726f77 0\nslot ${at} ${index} ${members} 0 4096\n`;
        })
        .join(''),
    connections: (count) => {
      let text = '';
      for (let i = 0; i < count; i++) text += connection(made++);
      return text;
    },
    count: (count) => {
      // Whole rounds over the members, and the rest by their hashes.
      const rounds = Math.floor(count / members);
      for (let index = 0; index < members; index++) picks[index] = (picks[index] ?? 0) + rounds;
      for (let i = rounds * members; i < count; i++) {
        const index = Math.floor((hashOf(made + i) * members) / 2 ** 32);
        picks[index] = (picks[index] ?? 0) + 1;
      }
      made += count;
    },
    counters: (tsNs) => {
      const map = (name: string, totals: readonly number[]): string =>
        totals.map((total, index) => `@${name}[${inoOf(index)}]: ${total}\n`).join('');
      const established = rung === 'fentry' ? map('established', picks) : '';
      return `counters ${tsNs}\n${map(
        'queue',
        picks.map(() => 0),
      )}${map('accepted', picks)}${established}${map('printed', printed)}${map('picks', picks)}tick ${tsNs}\n`;
    },
    nowNs: () => timeOf(made),
  };
};
