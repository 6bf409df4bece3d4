// A time in which something happens again and again: when it began, when it was last so, how often. It knows not what.

/** Occurrences with no pause between them that is longer than QUIET_NS. */
export type Spell = {
  readonly fromNs: number;
  readonly lastNs: number;
  readonly times: number;
};

/** After a minute of quiet what happens is something new: as long as an operator looks for the one cause of both. */
export const QUIET_NS = 60e9;

/** The spell after `times` more occurrences; a new one when there was none lately. */
export const prolong = (spell: Spell | null, tsNs: number, times: number): Spell =>
  spell === null || tsNs - spell.lastNs > QUIET_NS
    ? { fromNs: tsNs, lastNs: tsNs, times }
    : {
        fromNs: Math.min(spell.fromNs, tsNs),
        lastNs: Math.max(spell.lastNs, tsNs),
        times: spell.times + times,
      };

/** The spell if it goes on or has ended no more than QUIET_NS ago, else null. */
export const recent = (spell: Spell | null, nowNs: number): Spell | null =>
  spell !== null && nowNs - spell.lastNs <= QUIET_NS ? spell : null;

/** Several as one; null without any. */
export const together = (spells: readonly (Spell | null)[]): Spell | null => {
  let all: Spell | null = null;
  for (const spell of spells) {
    if (spell === null) continue;
    all =
      all === null
        ? spell
        : {
            fromNs: Math.min(all.fromNs, spell.fromNs),
            lastNs: Math.max(all.lastNs, spell.lastNs),
            times: all.times + spell.times,
          };
  }
  return all;
};
