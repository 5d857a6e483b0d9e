/** Turns a report into text for a terminal. Decides on looks only: what is said stands in the report. */
import type { Style } from '../lib/style.ts';
import { printable } from '../lib/log.ts';
import { tableLines } from '../lib/table.ts';
import type { LineState, ProblemLine, Report } from './report.ts';

/** Longer tables are cut: `headgate status` shows all. */
const maxRows = 25;

/** Blocks of lines, parted by empty ones; blocks without content are left out. */
export function renderReport(report: Report, style: Style): string {
  const blocks = [
    listenerTable(report, style),
    routeTable(report, style),
    backendTable(report, style),
    problemBlock(report.problems, style),
    report.curl.length > 0 ? ['Try it:', ...report.curl.map((line) => `  ${style.link(line)}`)] : [],
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => block.map((line) => `${printable(line)}\n`).join(''))
    .join('\n');
}

function listenerTable({ listeners }: Report, style: Style): string[] {
  const rows = listeners.map((line) => [
    line.listener,
    line.protocol,
    line.address,
    line.hostname,
    ...(listeners.some(({ certificate }) => certificate !== '') ? [line.certificate || '-'] : []),
    stateText(line.state, line.reason, style),
  ]);
  const hasCertificates = listeners.some(({ certificate }) => certificate !== '');
  const headings = [
    'LISTENER',
    'PROTOCOL',
    'ADDRESS',
    'HOSTNAME',
    ...(hasCertificates ? ['CERTIFICATE'] : []),
    'STATE',
  ];
  return table(headings, rows, style);
}

function routeTable({ routes }: Report, style: Style): string[] {
  const rows = routes.map((line) => [
    line.route,
    line.hostnames.length === 0 ? '*' : shortened(line.hostnames, 3),
    String(line.rules),
    line.parents.length === 0 ? '-' : shortened(line.parents, 3),
    stateText(line.state, line.reason, style),
  ]);
  return table(['ROUTE', 'HOSTNAMES', 'RULES', 'GATEWAY', 'STATE'], rows, style);
}

function backendTable({ backends }: Report, style: Style): string[] {
  const rows = backends.map((line) => [
    line.backend,
    line.protocol,
    stateText(line.state, `${line.ready}/${line.total} ready`, style),
  ]);
  return table(['BACKEND', 'PROTOCOL', 'ENDPOINTS'], rows, style);
}

function table(headings: readonly string[], rows: readonly (readonly string[])[], style: Style): string[] {
  if (rows.length === 0) return [];
  const lines = tableLines(headings, rows.slice(0, maxRows), { heading: style.faint });
  const rest = rows.length - maxRows;
  return rest > 0 ? [...lines, style.faint(`… and ${rest} more; headgate status shows all`)] : lines;
}

function problemBlock(problems: readonly ProblemLine[], style: Style): string[] {
  return problems.flatMap((problem) => problemText(problem, style).split('\n'));
}

/** A problem in one or several lines: mark, place and object, then what to do about it. */
export function problemText({ severity, where, about, message }: ProblemLine, style: Style): string {
  const mark = { error: style.bad('✖'), warning: style.warning('▲'), notice: style.faint('·') }[severity];
  const head = [where && style.strong(where), about].filter(Boolean).join(' ');
  const rest = message.replaceAll('\n', '\n    ');
  return head === '' ? `${mark} ${rest}` : `${mark} ${head}\n    ${rest}`;
}

export function stateText(state: LineState, text: string, style: Style): string {
  return { ok: style.good, warning: style.warning, error: style.bad }[state](text);
}

function shortened(items: readonly string[], most: number): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(', ')} +${rest}` : items.join(', ');
}
