/** What the program has to say while it runs: readable lines on a terminal, JSON lines for programs. Knows no domain. */
import type { Style } from './style.ts';

export type LogLevel = 'info' | 'warn' | 'error';

/** Facts beside the message, by name. In text form they are left out: the message says what a person needs. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  readonly format: 'text' | 'json';
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly format: 'text' | 'json';
  readonly write: (text: string) => void;
  readonly style: Style;
  readonly now?: () => Date;
}

/** Each call writes one record. A JSON record has `time`, `level` and `message` first. */
export function createLog({ format, write, style, now = () => new Date() }: LogOptions): Log {
  const mark = { info: style.good('●'), warn: style.warning('▲'), error: style.bad('✖') };
  const record = (level: LogLevel) => (message: string, fields: LogFields) => {
    const time = now();
    write(
      format === 'json'
        ? `${JSON.stringify({ time: time.toISOString(), level, message, ...fields })}\n`
        : `${style.faint(clock(time))} ${mark[level]} ${indented(printable(message))}\n`,
    );
  };
  const levels = { info: record('info'), warn: record('warn'), error: record('error') };
  return {
    format,
    info: (message, fields = {}) => levels.info(message, fields),
    warn: (message, fields = {}) => levels.warn(message, fields),
    error: (message, fields = {}) => levels.error(message, fields),
  };
}

function clock(time: Date): string {
  return time.toTimeString().slice(0, 8);
}

/** Later lines of a message stand under the first, not under the time. */
function indented(message: string): string {
  return message.replaceAll('\n', '\n           ');
}

/** Text from manifests and file names may hold control characters, which must not steer the terminal. Colours are ours. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/\x1b(?!\[[\d;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
