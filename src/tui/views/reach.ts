// Below the members of view 2: how the selected one is reached from this host.
import type { Member } from '../../core/state/member.js';
import { BOLD, cells, EMPTY, type Line, line, wrap } from '../text.js';
import type { Context } from '../view.js';

export const reachLines = ({ answers, state, columns }: Context, member: Member, room: number): Line[] => {
  if (answers === undefined) return [];
  const index = member.index === null ? 'the selected one' : `#${member.index}`;
  const told = answers.reach(state, member).flatMap((text) => wrap(cells(text), Math.max(10, columns - 4)));
  return [EMPTY, line(` How to reach ${index}`, BOLD), ...told.map((row) => line(`   ${row}`))].slice(
    0,
    room,
  );
};
