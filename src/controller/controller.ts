/**
 * The loop: the newest resources are compiled, the difference goes to the proxies, their answer goes into the statuses.
 * By level, not by event: whatever arrives while it works is taken together next time. It knows no files, no sockets, no filters.
 */
import { diffConfig, isEqual } from '../contract/config-diff.ts';
import { emptyConfig } from '../contract/gateway-config.ts';
import { partsOf, type Key } from '../contract/keys.ts';
import type { ListenerProblem } from '../contract/messages.ts';
import { resourceSet, type ResourceSet } from '../model/resources.ts';
import { changesBetween, isNoChange } from './changes.ts';
import { diffEndpoints } from './endpoints-diff.ts';
import type { Acknowledged, ControllerParts, ControllerView, Source, SourceProblem } from './parts.ts';
import { createTimes } from './statuses.ts';

const nothing: ControllerView = {
  resources: resourceSet(new Map()),
  problems: [],
  config: emptyConfig,
  endpoints: new Map(),
  statuses: new Map(),
  notes: [],
  version: 0,
  acknowledged: null,
  locate: () => '',
};

interface Refusal {
  readonly version: number;
  readonly message: string;
}

export class Controller {
  readonly #parts: ControllerParts;
  readonly #withTimes = createTimes();
  #view = nothing;
  /** What the source said last and the loop has not looked at. */
  #newest: ResourceSet | null = null;
  /** The resources that the last `live` event told of; null before the first. */
  #told: ResourceSet | null = null;
  #changedAt = 0;
  /** The newest version, where a proxy could not take it, and why. */
  #refusal: Refusal | null = null;
  /** Why nobody serves anything; null: somebody does, as far as is known. */
  #absence: string | null = null;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#view = { ...nothing, locate: (key) => placeOf(parts.source, key) };
  }

  get view(): ControllerView {
    return this.#view;
  }

  /** Whether everything up to the first configuration is served. It stays so while proxies live: later versions never take traffic away. */
  get isReady(): boolean {
    return this.#told !== null && this.#absence === null;
  }

  start(signal: AbortSignal): void {
    this.#parts.source.start((resources, problems) => {
      if (!signal.aborted) this.#take(resources, problems);
    }, signal);
  }

  /** All proxies serve this version, but for the listeners named. Only what they say of the newest version counts. */
  acknowledge(version: number, problems: readonly ListenerProblem[]): void {
    if (version !== this.#view.version) return;
    this.#settle({ version, problems });
  }

  /** A proxy could not take this version. */
  refuse(version: number, message: string): void {
    if (version !== this.#view.version) return;
    this.#refusal = { version, message };
    this.#absence = null;
    this.#view = { ...this.#view, acknowledged: null };
    this.#parts.onEvent({ type: 'refused', version, message });
    this.#sayRefused(this.#refusal);
  }

  /** Whether proxies have yet to answer to the newest version. */
  get isWaiting(): boolean {
    const { version, acknowledged } = this.#view;
    return version > 0 && acknowledged?.version !== version && this.#refusal?.version !== version;
  }

  /** No proxy answers, for now: what does not depend on proxies is said all the same. */
  settleUnanswered(): void {
    if (this.isWaiting) this.#say(null);
  }

  /** No proxy is there that serves anything. Holds until one acknowledges the newest version. */
  settleUnserved(absence: string): void {
    const { version } = this.#view;
    if (version === 0) return;
    const isNew = this.#absence === null;
    if (isNew) this.#changedAt = this.#parts.now();
    this.#absence = absence;
    this.#view = { ...this.#view, acknowledged: null };
    this.#say({ version, problems: this.#ofAllListeners('NoProxy', absence) });
    if (isNew) this.#parts.onEvent({ type: 'unserved', message: absence });
  }

  /** Has the proxies try again what kept listeners from being served: as a new version that changes nothing. */
  retry(): void {
    // Whatever is under way tries it anyway.
    if (this.#newest !== null || this.#view.acknowledged?.version !== this.#view.version) return;
    const version = this.#view.version + 1;
    this.#changedAt = this.#parts.now();
    this.#view = { ...this.#view, version };
    this.#parts.publish(version, this.#view.config, null);
  }

  /** Something other than the resources has changed that goes into the configuration. */
  recompile(): void {
    if (this.#view.version > 0) this.#schedule(this.#newest ?? this.#view.resources);
  }

  #take(resources: ResourceSet, problems: readonly SourceProblem[]): void {
    this.#tellProblems(problems);
    this.#view = { ...this.#view, problems };
    if (resources === this.#view.resources && this.#view.version > 0) return;
    this.#schedule(resources);
  }

  #schedule(resources: ResourceSet): void {
    const isScheduled = this.#newest !== null;
    if (!isScheduled) this.#changedAt = this.#parts.now();
    this.#newest = resources;
    // A burst of calls within one turn is one change.
    if (!isScheduled) setImmediate(() => this.#work());
  }

  #tellProblems(problems: readonly SourceProblem[]): void {
    const before = new Set(this.#view.problems.map(problemText));
    const now = new Set(problems.map(problemText));
    const fresh = problems.filter((problem) => !before.has(problemText(problem)));
    const solved = this.#view.problems.filter((problem) => !now.has(problemText(problem)));
    if (fresh.length + solved.length > 0) this.#parts.onEvent({ type: 'problems', view: this.#view, fresh, solved });
  }

  #work(): void {
    const resources = this.#newest!;
    this.#newest = null;
    const before = this.#view;
    try {
      const { config } = this.#parts.compile(resources, before.acknowledged);
      const endpoints = this.#parts.joinEndpoints(resources, config);
      this.#view = { ...before, resources, config, endpoints };
    } catch (error) {
      // A bug of ours. What is served goes on, and the next change may well compile.
      this.#parts.onEvent({ type: 'refused', version: before.version + 1, message: String(error) });
      return;
    }
    this.#publish(before);
  }

  #publish(before: ControllerView): void {
    const { config, endpoints } = this.#view;
    const endpointsPatch = diffEndpoints(before.endpoints, endpoints);
    if (before.version === 0 || diffConfig(before.config, config) !== null) {
      const version = before.version + 1;
      this.#view = { ...this.#view, version };
      this.#parts.publish(version, config, endpointsPatch);
      this.#parts.onWaiting?.();
      return;
    }
    if (endpointsPatch) this.#parts.publish(before.version, config, endpointsPatch);
    // Nothing new to acknowledge, unless an earlier version still is.
    if (before.acknowledged?.version === before.version) this.#settle(before.acknowledged);
    else if (this.#refusal?.version === before.version && this.#absence === null) this.#sayRefused(this.#refusal);
    else this.#parts.onWaiting?.();
  }

  /** What is served is older than the resources: no listener of theirs may claim otherwise. */
  #sayRefused({ version, message }: Refusal): void {
    const text = `a proxy refuses this version, the last good one stays in use: ${message}`;
    this.#say({ version, problems: this.#ofAllListeners('Refused', text) });
  }

  /** The statuses for the resources as they are, with what the proxies say. */
  #say(acknowledged: Acknowledged): void {
    const { resources } = this.#view;
    const compiled = this.#parts.compile(resources, acknowledged);
    const statuses = this.#withTimes(compiled.statuses, this.#parts.date().toISOString());
    this.#view = { ...this.#view, statuses, notes: compiled.notes };
    this.#parts.onCompiled?.(compiled, resources);
  }

  #ofAllListeners(reason: string, message: string): readonly ListenerProblem[] {
    return Object.keys(this.#view.config.listeners).map((listener) => ({ listener, reason, message }));
  }

  /** The proxies have what the documents say: now the statuses may say so too. */
  #settle(acknowledged: NonNullable<Acknowledged>): void {
    const tookMs = this.#parts.now() - this.#changedAt;
    const { resources } = this.#view;
    const wasAcknowledged = this.#view.acknowledged;
    const wasAmiss = this.#absence !== null || this.#refusal !== null;
    this.#absence = null;
    this.#refusal = null;
    this.#view = { ...this.#view, acknowledged };
    this.#say(acknowledged);
    const changes = changesBetween(this.#told, resources, this.#parts.kinds);
    const isFirst = this.#told === null;
    this.#told = resources;
    const saysMore = wasAmiss || !isEqual(wasAcknowledged?.problems ?? [], acknowledged.problems);
    if (!isFirst && isNoChange(changes) && !saysMore) return;
    this.#parts.onEvent({ type: 'live', view: this.#view, changes, tookMs, isFirst });
  }
}

/** `routes.yaml:12`, or empty where the source cannot tell. */
export function placeOf(source: Source, key: Key): string {
  const { kind, namespace, name } = partsOf(key);
  const place = source.locate?.(`${kind} ${namespace === '' ? name : `${namespace}/${name}`}`);
  return place ? `${place.file}:${place.line}` : '';
}

function problemText({ severity, file, line, field, message }: SourceProblem): string {
  return `${severity}\n${file}\n${line}\n${field}\n${message}`;
}
