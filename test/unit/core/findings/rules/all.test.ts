import { expect, it } from 'vitest';
import { RULES } from '../../../../../src/core/findings/rules/all.js';
import { SEVERITIES } from '../../../../../src/core/state/finding.js';

const ids: readonly string[] = RULES.map(({ id }) => id);

it('has each rule once', () => {
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[a-z]+(?:-[a-z]+)*$/.test(id))).toEqual([]);
});

it.each(RULES)('$id describes itself', ({ id, severity, clearsNs, supersedes }) => {
  expect(SEVERITIES).toContain(severity);
  expect(clearsNs).toBeGreaterThanOrEqual(0);
  expect(clearsNs).toBeLessThanOrEqual(60e9);
  expect(supersedes.map((each) => each.id).filter((each) => each === id || !ids.includes(each))).toEqual([]);
});
