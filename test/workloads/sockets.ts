// Knows how to run sockets.pl and to name its sockets; refuses to know what is done with them.
import { type Line, numberOf, startScript } from './script.js';

/** What one call came to; errno is 0 when it went well. */
export type Answer = { readonly errno: number; readonly number: (key: string) => number };

export type Sockets = {
  readonly pid: number;
  /** One command of sockets.pl, whose header says what there is. */
  readonly tell: (command: string) => Promise<Answer>;
  /** A bound socket (port 0: one that is not); its inode. */
  readonly open: (socket: number, proto: 'tcp' | 'udp', addr: string, port: number) => Promise<number>;
};

/** One process that does with sockets what it is told. */
export const startSockets = async (netns?: string): Promise<Sockets> => {
  const script = startScript('sockets.pl', {}, netns);
  const answer = (line: Line): Answer => ({
    errno: line.get('kind') === 'failed' ? numberOf(line, 'errno') : 0,
    number: (key) => numberOf(line, key),
  });
  const pid = numberOf(await script.read(), 'pid');
  const tell: Sockets['tell'] = async (command) => answer(await script.ask(command));
  return {
    pid,
    tell,
    open: async (socket, proto, addr, port) =>
      (await tell(`open ${socket} ${proto} ${addr} ${port}`)).number('ino'),
  };
};
