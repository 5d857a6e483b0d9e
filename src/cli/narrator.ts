/** Tells what happens while Headgate runs: the report at first, then a line for each change. Text for people, JSON for programs. */
import type { ControllerEvent, ControllerView, SourceProblem } from '../controller/parts.ts';
import type { Changes } from '../controller/changes.ts';
import type { Statuses } from '../controller/statuses.ts';
import type { Key } from '../contract/keys.ts';
import { differences } from '../lib/derived-map.ts';
import type { Log } from '../lib/log.ts';
import type { Style } from '../lib/style.ts';
import { renderReport } from './render-report.ts';
import {
  noteLines,
  objectText,
  reportOf,
  sourceProblemLine,
  statusLines,
  type ProblemLine,
  type Report,
} from './report.ts';

export interface NarratorOptions {
  readonly log: Log;
  readonly style: Style;
  /** Writes text as it is; used in text form only. */
  readonly write: (text: string) => void;
  /** What Gateways without addresses listen on. */
  readonly defaultAddresses: readonly string[];
}

/** JSON lines of routes and backends at the start; the rest is counted. */
const maxJsonLines = 100;
const maxNames = 5;

/** Returns what listens to a controller's events. */
export function createNarrator(options: NarratorOptions): (event: ControllerEvent) => void {
  const { log } = options;
  const newsOf = createNews();
  let isStarted = false;
  return (event) => {
    switch (event.type) {
      case 'refused':
        log.error(
          `Version ${event.version} could not be applied: ${event.message}. The last good version stays in use.`,
          {
            version: event.version,
          },
        );
        break;
      case 'unserved':
        log.error(`Nothing is served: ${event.message}`);
        break;
      case 'problems':
        // Before the first report there is nothing to compare with; it lists them all.
        if (isStarted) tellProblems(log, event);
        break;
      case 'live': {
        if (event.isFirst) tellReport(options, event.view);
        else tellChange(log, event.view, event.changes, event.tookMs);
        // Those of the first view stand in the report.
        for (const line of newsOf(event.view)) if (!event.isFirst) tell(log, line);
        isStarted = true;
      }
    }
  };
}

function tellReport({ log, style, write, defaultAddresses }: NarratorOptions, view: ControllerView): void {
  const report = reportOf(view, defaultAddresses);
  const { listeners, routes, backends, problems } = report;
  if (log.format === 'json') tellReportAsJson(log, report);
  else if (listeners.length + routes.length + problems.length > 0) write(`\n${renderReport(report, style)}\n`);
  if (listeners.length === 0) {
    log.warn(`There is nothing to serve: ${whyNothing(view)} Edits are followed.`);
    return;
  }
  const serving = count(listeners.filter((line) => line.reason === 'serving').length, 'listener');
  log.info(
    `Serving ${serving}, ${count(routes.length, 'route')}, ${count(backends.length, 'backend')}; edits are followed`,
    {
      version: view.version,
      listeners: listeners.length,
      routes: routes.length,
      backends: backends.length,
      problems: problems.length,
    },
  );
}

function whyNothing({ resources }: ControllerView): string {
  const gateways = resources.of('Gateway').size;
  if (gateways > 0) return `${count(gateways, 'Gateway')} of a class that is not ours.`;
  const isEmpty = ['GatewayClass', 'HTTPRoute', 'Service'].every((kind) => resources.of(kind).size === 0);
  return isEmpty ? 'there are no manifests.' : 'there is no Gateway.';
}

function tellReportAsJson(log: Log, { listeners, routes, backends, problems, curl }: Report): void {
  for (const line of listeners) log.info('listener', { ...line });
  for (const line of routes.slice(0, maxJsonLines)) log.info('route', { ...line });
  for (const line of backends.slice(0, maxJsonLines)) log.info('backend', { ...line });
  for (const line of problems) tell(log, line);
  for (const command of curl) log.info('try', { command });
}

function tellChange(log: Log, view: ControllerView, changes: Changes, tookMs: number): void {
  const { added, changed, removed } = changes;
  const parts = [named('added', added), named('changed', changed), named('removed', removed)].filter(Boolean);
  const what = parts.length > 0 ? parts.join('; ') : listenersText(view);
  log.info(`${what}; live in ${tookMs.toFixed(1)} ms`, {
    version: view.version,
    ...changes,
    liveInMs: Math.round(tookMs * 10) / 10,
  });
}

/** Nothing was edited, but what the proxies say of the listeners is new. */
function listenersText({ acknowledged }: ControllerView): string {
  const broken = new Set(acknowledged?.problems.map(({ listener }) => listener)).size;
  return broken === 0 ? 'all listeners are served now' : `${count(broken, 'listener')} cannot be served`;
}

function named(verb: string, keys: readonly string[]): string {
  if (keys.length === 0) return '';
  const rest = keys.length - maxNames;
  return `${verb} ${keys.slice(0, maxNames).map(objectText).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function tellProblems(log: Log, { view, fresh, solved }: Extract<ControllerEvent, { type: 'problems' }>): void {
  for (const problem of fresh) tell(log, sourceProblemLine(problem), whatStays(view, problem));
  const places = new Set(fresh.map(({ file }) => file));
  // Another mistake in the same file is no reason to say that one is gone.
  const gone = solved.filter(({ file, severity }) => severity === 'error' && !places.has(file));
  for (const file of new Set(gone.map((problem) => problem.file))) log.info(`${file} is in order again`, { file });
}

/** An edit that is refused takes nothing away from what was there before it. */
function whatStays({ resources }: ControllerView, { severity, object = '', isMissing }: SourceProblem): string {
  if (severity !== 'error') return '';
  if (isMissing) return 'What it held is served no more, until it is there again.';
  const [kind = '', name = ''] = object.split(' ');
  if (object === '') return 'The last good version of what the file holds stays in use.';
  return resources.of(kind).has(name) ? `The last good version of ${object} stays in use.` : '';
}

/** Returns what finds the lines about notes and conditions that were not there the last time, at the price of what changed. */
function createNews(): (view: ControllerView) => readonly ProblemLine[] {
  let notes = new Set<string>();
  let statuses: Statuses = new Map();
  const ofStatuses = new Map<Key, ReadonlySet<string>>();
  return (view) => {
    const lines = noteLines(view);
    const news = lines.filter((line) => !notes.has(identity(line)));
    notes = new Set(lines.map(identity));
    for (const [key, , status] of differences(statuses, view.statuses)) {
      const now = status ? statusLines(key, status, view) : [];
      const before = ofStatuses.get(key);
      news.push(...now.filter((line) => !before?.has(identity(line))));
      if (now.length > 0) ofStatuses.set(key, new Set(now.map(identity)));
      else ofStatuses.delete(key);
    }
    statuses = view.statuses;
    return news;
  };
}

function tell(log: Log, { severity, where, about, message }: ProblemLine, more = ''): void {
  const place = [where, about].filter(Boolean).join(' ');
  const text = [place ? `${place}: ${message}` : message, more].filter(Boolean).join('\n');
  const level = severity === 'error' ? 'error' : severity === 'warning' ? 'warn' : 'info';
  log[level](text, { where, about, severity });
}

function identity({ about, message }: ProblemLine): string {
  return `${about}\n${message}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
