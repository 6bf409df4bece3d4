// Writes the manual page: deploy/man/reuseport-trace.1 with the options of the one table that --help comes from.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Option } from 'commander';

/** The page in mdoc(7), as mandoc and groff read it. `date` stands in its foot. Throws when the template lacks a place. */
export const manPage = (root: string, program: Command, date: Date): string => {
  const template = readFileSync(join(root, 'deploy/man/reuseport-trace.1'), 'utf8');
  const page = [
    ['@DATE@', mdocDate(date)],
    ['@SYNOPSIS@', synopsisOf(program)],
    ['@OPTIONS@', optionsOf(program)],
    ['@COMMANDS@', program.commands.map(commandOf(program)).join('\n')],
  ].reduce((page, [place = '', text = '']) => {
    if (!page.includes(place)) throw new Error(`the manual page has no place for ${place}`);
    return page.replace(place, () => text);
  }, template);
  return folded(page);
};

const mdocDate = (date: Date): string =>
  `${date.toLocaleDateString('en-US', { month: 'long', timeZone: 'UTC' })} ${date.getUTCDate()}, ${date.getUTCFullYear()}`;

const synopsisOf = (program: Command): string =>
  program.commands

    .map((command) => {
      const names = command.registeredArguments.map(
        (argument) =>
          `${argument.required ? '' : '.Op '}${argument.required ? '.Ar' : 'Ar'} ${argument.name()}${argument.variadic ? ' ...' : ''}`,
      );
      return ['.Nm', `.Cm ${command.name()}`, '.Op Ar options', ...names].join('\n');
    })
    .join('\n');

const commandOf =
  (program: Command) =>
  (command: Command): string => {
    const shared = new Set(program.options.map((option) => option.long));
    const own = command.options.filter((option) => !shared.has(option.long));
    const also = command.options
      .filter((option) => shared.has(option.long))
      .map((option) => option.long ?? '');
    return [
      `.It Cm ${command.name()}`,
      sentence(command.description()),
      ...(also.length === 0
        ? []
        : ['It takes', `${also.map((name) => `.Fl ${flag(name)}`).join(' ,\n')}`, 'as above.']),
      ...(own.length === 0
        ? []
        : ['Its own options:', '.Bl -tag -width Ds -compact', ...own.map(optionOf), '.El']),
    ].join('\n');
  };

const optionsOf = (program: Command): string => program.options.map(optionOf).join('\n');

const optionOf = (option: Option): string => {
  const [, name = ''] = /[<[]([^>\]]+)[>\]]/.exec(option.flags) ?? [];
  const argument = name === '' ? '' : ` Ar ${roff(name)}`;
  const flags = [option.short, option.long]
    .filter((each) => each != null)
    .map((each) => `Fl ${flag(each)}${argument}`);
  const choices = option.argChoices === undefined ? '' : ` One of ${option.argChoices.join(', ')}.`;
  const standard =
    option.defaultValue === undefined ||
    typeof option.defaultValue === 'boolean' ||
    typeof option.defaultValue === 'object'
      ? ''
      : ` Default: ${String(option.defaultValueDescription ?? option.defaultValue)}.`;
  return `.It ${flags.join(' , ')}\n${sentence(option.description)}${roff(choices)}${roff(standard)}`;
};

/** mdoc writes the first dash itself. */
const flag = (name: string): string => roff(name.replace(/^-/, '')).replace(/^-/, '\\-');

/** Upper case in front, a full stop at the end, and no character that roff would take for a request. */
const sentence = (text: string): string => {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return roff(/[.)]$/.test(whole) ? whole : `${whole}.`);
};

const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const COLUMNS = 78;

/** Text as mandoc wants it: each sentence on lines of its own, none longer than 80 bytes; literal examples stay. */
const folded = (page: string): string => {
  let isLiteral = false;
  return page
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('.Bd')) isLiteral = true;
      if (line.startsWith('.Ed')) isLiteral = false;
      return isLiteral || line.startsWith('.')
        ? [line]
        : line
            .split(/(?<=[.:?)]) (?=[A-Z])/)
            .flatMap(markFunctions)
            .flatMap(fold);
    })
    .join('\n');
};

/** `accept()` is a macro to mandoc, on a line of its own with the punctuation around it. */
const markFunctions = (sentence: string): string[] =>
  sentence
    .split(/( ?\(?[a-z_][a-z_0-9]*\(\)[,.;:)]*(?: |$))/)
    .map((part) => {
      const [, open, name, close = ''] = /^ ?(\(?)([a-z_][a-z_0-9]*)\(\)([,.;:)]*) ?$/.exec(part) ?? [];
      if (name === undefined) return part;
      return `.Fn ${name}${[...close].map((mark) => ` ${mark}`).join('')}`
        .replace(/^/, open === '(' ? '.Pq ' : '')
        .replace('.Pq .Fn', '.Pq Fn')
        .replace(/ \)/, open === '(' ? '' : ' )');
    })
    .filter((part) => part !== '');

const fold = (sentence: string): string[] => {
  if (sentence.startsWith('.')) return [sentence];
  const lines = [''];
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
};
