// The completion scripts of bash, zsh and fish, written from the table that --help comes from. They start nothing and
// evaluate no word that somebody has typed, since it is mostly root who types.
import type { Command, Option } from 'commander';

/** What an option takes: words of a closed list, a file, anything else, or nothing. */
type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'other' | 'none' };

const kindOf = ({ argChoices, required, optional, flags }: Option): Value => {
  if (argChoices !== undefined) return { kind: 'words', words: argChoices };
  if (!required && !optional) return { kind: 'none' };
  return { kind: /<file>/.test(flags) ? 'file' : 'other' };
};

const flagsOf = ({ short, long }: Option): string[] => [short, long].flatMap((flag) => flag ?? []);

/** A command with the words that its completions come from; the name is empty without a command. */
type Spoken = {
  readonly name: string;
  readonly about: string;
  readonly options: readonly Option[];
  readonly takesFiles: boolean;
};

const spoken = (command: Command, name: string): Spoken => ({
  name,
  about: command.description().replace(/\s+/g, ' '),
  options: command.createHelp().visibleOptions(command),
  takesFiles: command.registeredArguments.length > 0,
});

/** One script for each shell. */
export const completionsOf = (program: Command): Record<'bash' | 'zsh' | 'fish', string> => {
  const commands = program.commands.map((command) => spoken(command, command.name()));
  const all = [spoken(program, ''), ...commands];
  const name = program.name();
  return { bash: bash(name, all), zsh: zsh(name, all), fish: fish(name, all) };
};

const namesOf = (all: readonly Spoken[]): string[] =>
  all.map(({ name }) => name).filter((name) => name !== '');

const functionOf = (name: string): string => `_${name.replaceAll('-', '_')}`;

const bash = (name: string, all: readonly Spoken[]): string => {
  const values = all.flatMap((command) =>
    command.options.flatMap((option) => {
      const value = kindOf(option);
      const cases = flagsOf(option)
        .map((flag) => `${command.name}:${flag}`)
        .join('|');
      if (value.kind === 'none') return [];
      if (value.kind === 'words') return [`    ${cases}) words='${value.words.join(' ')}' ;;`];
      return [`    ${cases}) ${value.kind === 'file' ? 'compopt -o default; ' : ''}return ;;`];
    }),
  );
  const words = all.map((command) => {
    const flags = command.options.flatMap(flagsOf);
    const others = command.name === '' ? namesOf(all) : [];
    return `      ${command.name === '' ? "''" : command.name}) words='${[...others, ...flags].join(' ')}'${command.takesFiles ? '; [[ $cur == -* ]] || { compopt -o default; return; }' : ''} ;;`;
  });
  return `# bash completion for ${name}
${functionOf(name)}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' words='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${namesOf(all).join('|')}) command=$word; break ;;
    esac
  done
  case $command:$prev in
${values.join('\n')}
  esac
  if [[ -z $words ]]; then
    case $command in
${words.join('\n')}
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F ${functionOf(name)} ${name}
`;
};

/** Text between single quotes, for a description in zsh's _arguments: brackets and colons mean something there. */
const forZsh = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/[[\]:\\]/g, '\\$&')
    .replaceAll("'", "'\\''");

const zsh = (name: string, all: readonly Spoken[]): string => {
  const argumentsOf = (command: Spoken): string[] => [
    ...command.options.map((option) => {
      const value = kindOf(option);
      const flags = flagsOf(option);
      const what =
        value.kind === 'none'
          ? ''
          : value.kind === 'words'
            ? `:value:(${value.words.join(' ')})`
            : value.kind === 'file'
              ? ':file:_files'
              : ':value:';
      const about = `[${forZsh(option.description)}]${what}`;
      return flags.length === 1
        ? `'${flags[0]}${about}'`
        : `'(${flags.join(' ')})'{${flags.join(',')}}'${about}'`;
    }),
    ...(command.takesFiles ? ["'*:file:_files'"] : []),
  ];
  const [program, ...commands] = all;
  const described = commands.map((command) => `    '${command.name}:${forZsh(command.about)}'`).join('\n');
  const cases = commands
    .map(
      (command) =>
        `    ${command.name})\n      _arguments -s \\\n        ${argumentsOf(command).join(' \\\n        ')} ;;`,
    )
    .join('\n');
  return `#compdef ${name}
${functionOf(name)}() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
${described}
  )
  _arguments -s -C \\
    ${program === undefined ? '' : argumentsOf(program).join(' \\\n    ')} \\
    '1:command:->command' '*::argument:->arguments'
  case $state in
    command) _describe command commands ;;
    arguments) case $words[1] in
${cases}
    esac ;;
  esac
}
${functionOf(name)} "$@"
`;
};

/** Text between single quotes in fish. */
const forFish = (text: string): string => text.replace(/\s+/g, ' ').replace(/['\\]/g, '\\$&');

const fish = (name: string, all: readonly Spoken[]): string => {
  const names = namesOf(all).join(' ');
  const lines = all.flatMap((command) => {
    const when =
      command.name === ''
        ? `not __fish_seen_subcommand_from ${names}`
        : `__fish_seen_subcommand_from ${command.name}`;
    return [
      ...(command.name === ''
        ? []
        : [
            `complete -c ${name} -f -n 'not __fish_seen_subcommand_from ${names}' -a ${command.name} -d '${forFish(command.about)}'`,
          ]),
      ...(command.takesFiles || command.name === '' ? [] : [`complete -c ${name} -f -n '${when}'`]),
      ...command.options.map((option) => {
        const value = kindOf(option);
        const flags = flagsOf(option).map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        );
        const takes =
          value.kind === 'none'
            ? ''
            : value.kind === 'words'
              ? ` -x -a '${value.words.join(' ')}'`
              : value.kind === 'file'
                ? ' -r -F'
                : ' -x';
        return `complete -c ${name} -n '${when}' ${flags.join(' ')}${takes} -d '${forFish(option.description)}'`;
      }),
    ];
  });
  return `# fish completion for ${name}\n${lines.join('\n')}\n`;
};
