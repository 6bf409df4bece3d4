// The one error that a user can do something about; everything else that throws is a bug.

/** Message: "cannot <do what>: <why>". */
export class UserError extends Error {
  /** What to try, or null. */
  readonly hint: string | null;
  /** 1 failed, 2 wrong usage. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { hint?: string; exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint ?? null;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The message of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What is said of anything thrown, as lines for stderr, and how the program ends. */
export const explainFailure = (error: unknown): { readonly text: string; readonly exitCode: 1 | 2 } => {
  if (error instanceof UserError) {
    const { message, hint, exitCode } = error;
    return { text: `reuseport-trace: ${message}\n${hint === null ? '' : `${hint}\n`}`, exitCode };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `reuseport-trace: this is a bug, please report it:\n${text}\n`, exitCode: 1 };
};
