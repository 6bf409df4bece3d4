import { describe, expect, it } from 'vitest';
import { toPlain, toSgr } from '../../../src/tui/paint.js';
import { line, span } from '../../../src/tui/text.js';

const COLOR = { useColor: true, isAscii: false };
const PLAIN = { useColor: false, isAscii: false };

describe('paint', () => {
  it('writes colour, bold and reverse, and ends each', () => {
    expect(toSgr([span('a'), span('b', { color: 'red', bold: true })], COLOR)).toBe(
      'a\u001b[1;31mb\u001b[0m',
    );
  });

  it('keeps bold and reverse without colour', () => {
    expect(toSgr(line('x', { color: 'red', reverse: true }), PLAIN)).toBe('\u001b[7mx\u001b[0m');
    expect(toSgr(line('x', { color: 'cyan' }), PLAIN)).toBe('x');
  });

  it.each(['\u001b[2J', '\u001b]0;x\u0007', '\u009b31m', 'a\nb\r', '\u0000\u0008\u000e', '\u202e', '日'])(
    'lets nothing of %j through but one cell for each character',
    (text) => {
      const out = toSgr(line(text), PLAIN);
      expect(out).toHaveLength(text.length);
      expect(out).toMatch(/^[ -~]*$/);
    },
  );

  it('draws with ASCII alone where it must', () => {
    const rows = [line('┌─│█▋▁▇▸▼…┐'), line('fair 12.5% ±0.2'), line('é')];
    expect(toPlain(rows, true)).toBe('+-|#:_#>v~+\nfair 12.5% ~0.2\n?\n');
  });

  it('keeps a row as wide as it is, whatever it draws', () => {
    const signs = '█▉▊▋▌▍▎▏▁▂▃▄▅▆▇─│┌┐└┘▸▼▲…·±';
    const out = toSgr(line(signs), { useColor: false, isAscii: true });
    expect(out).toHaveLength(signs.length);
    expect(out).not.toContain('?');
  });

  it('writes rows as text without trailing blanks', () => {
    expect(toPlain([line('a  '), line('')], false)).toBe('a\n\n');
  });
});
