/**
 * Resources from a Kubernetes API, watched. Knows which kinds are read and when a set of them is whole; how a watch survives
 * is the reflector's business.
 */
import type { ApiError } from '../kube/api-result.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import type { Change } from '../kube/object-store.ts';
import type { CollectionPath } from '../kube/paths.ts';
import { prune } from '../kube/prune.ts';
import { Reflector, type ReflectorLimits, type ReflectorState } from '../kube/reflector.ts';
import { deriveMap } from '../lib/derived-map.ts';
import { kinds as allKinds, type KindDefinition } from '../model/kinds.ts';
import { resourceSet, type Resource, type ResourceName } from '../model/resources.ts';
import { Bodies } from './kubernetes-bodies.ts';
import { ReferenceCounter, referencedKinds, type ReferencedKind } from './kubernetes-references.ts';
import { readObservation, readServed, type Observation, type Served } from './kubernetes-served.ts';
import { isSame } from './same.ts';
import type { Source, SourceListener, SourceProblem } from './source.ts';

export interface KubernetesSourceOptions {
  readonly client: KubeClient;
  /** What the cluster is called in problems, such as its context or URL. */
  readonly cluster: string;
  /** All that Headgate reads, where absent. */
  readonly kinds?: readonly KindDefinition[];
  /** The state of a kind's watch changed: for logs (once each) and readiness. */
  readonly onKindState?: (kind: string, state: ReflectorState) => void;
  /** An object's status, version or generation changed. Comes before the resources that go with it. */
  readonly onObserved?: (kind: string, name: ResourceName) => void;
  /** A bug in a listener. */
  readonly onFault: (error: unknown) => void;
  readonly clock?: Clock;
  readonly limits?: Partial<ReflectorLimits>;
}

export interface KubernetesSource extends Source {
  /** What the server last said of an object; undefined where there is none. */
  observe(kind: string, name: ResourceName): Observation | undefined;
  /** Where objects of a kind live in this cluster (which may have only an older version); undefined where the kind is absent. */
  pathOf(kind: string): CollectionPath | undefined;
  /** Kinds that the cluster does not serve, as far as is known. */
  readonly absentKinds: ReadonlySet<string>;
  /** Annotations of a CustomResourceDefinition, such as `gateways.gateway.networking.k8s.io`; undefined where there is none. */
  annotationsOfDefinition(name: string): Readonly<Record<string, string>> | undefined;
  /** Whether all that there is has been seen. */
  readonly isSynced: boolean;
}

/** Bursts come in pieces; each set that is told makes somebody compile. */
const minGapMs = 5;

/** A Secret that cannot be fetched for a while holds up everything else no longer than this. */
const maxHoldMs = 5000;

export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  let reader: ClusterReader | undefined;
  return {
    start(onChange, signal) {
      if (signal.aborted) return;
      reader = new ClusterReader(options, { onChange, signal });
      reader.start();
    },
    observe: (kind, name) => reader?.observe(kind, name),
    pathOf: (kind) => reader?.pathOf(kind),
    get absentKinds() {
      return reader?.absentKinds ?? nothingAbsent;
    },
    annotationsOfDefinition: (name) => reader?.annotationsOfDefinition(name),
    get isSynced() {
      return reader?.isSynced ?? false;
    },
  };
}

const nothingAbsent: ReadonlySet<string> = new Set();

interface KindReader {
  readonly definition: KindDefinition;
  readonly reflector: Reflector<Served>;
  /** What is told; a new Map after each change. */
  map: ReadonlyMap<ResourceName, Resource>;
  /** What is to be told next; undefined: gone. */
  readonly changes: Map<ResourceName, Resource | undefined>;
  readonly refused: Map<ResourceName, string>;
  /** For kinds of which only what is referenced is read. */
  readonly bodies: Bodies | undefined;
}

type Annotations = Readonly<Record<string, string>>;

class ClusterReader {
  readonly #options: KubernetesSourceOptions;
  readonly #onChange: SourceListener;
  readonly #signal: AbortSignal;
  readonly #kinds = new Map<string, KindReader>();
  readonly #definitions: Reflector<Annotations>;
  readonly #references = new ReferenceCounter(({ kind, name }) => this.#kinds.get(kind)?.bodies?.refresh(name));
  #isTold = false;
  /** The annotations of a definition changed. */
  #hasNews = false;
  #toldProblems = '';
  #heldSince: number | undefined;
  #toldAt = -Infinity;
  #isScheduled = false;
  #timer: NodeJS.Timeout | undefined;
  #holdTimer: NodeJS.Timeout | undefined;

  constructor(options: KubernetesSourceOptions, told: { onChange: SourceListener; signal: AbortSignal }) {
    this.#options = options;
    this.#onChange = told.onChange;
    this.#signal = told.signal;
    for (const definition of options.kinds ?? allKinds) this.#kinds.set(definition.kind, this.#createKind(definition));
    this.#definitions = this.#createDefinitions();
  }

  get isSynced(): boolean {
    return this.#isTold;
  }

  start(): void {
    const reflectors = [this.#definitions, ...[...this.#kinds.values()].map(({ reflector }) => reflector)];
    this.#signal.addEventListener('abort', () => {
      clearTimeout(this.#timer);
      clearTimeout(this.#holdTimer);
      for (const reflector of reflectors) void reflector.close();
    });
    for (const reflector of reflectors) reflector.start();
  }

  observe(kind: string, name: ResourceName): Observation | undefined {
    return this.#kinds.get(kind)?.reflector.store.get(name)?.observation;
  }

  pathOf(kind: string): CollectionPath | undefined {
    return this.#kinds.get(kind)?.reflector.path;
  }

  get absentKinds(): ReadonlySet<string> {
    const absent = [...this.#kinds.values()].filter(({ reflector }) => reflector.state.type === 'Absent');
    return new Set(absent.map(({ definition }) => definition.kind));
  }

  annotationsOfDefinition(name: string): Annotations | undefined {
    return this.#definitions.store.get(name);
  }

  #createKind(definition: KindDefinition): KindReader {
    const { kind, group, plural, versions } = definition;
    const isReferenced = referencedKinds.includes(kind as ReferencedKind);
    const paths = versions.map((version) => ({ group, version, plural }));
    const reflector = new Reflector<Served>({
      ...this.#reflectorOptions(),
      paths: paths as [CollectionPath, ...CollectionPath[]],
      parts: isReferenced ? 'Metadata' : 'All',
      transform: (object, { version }) =>
        isReferenced ? readObservation(object) : readServed(object, definition, version),
      onChanges: (changes) => this.#take(kind, changes),
      onState: (state) => {
        this.#options.onKindState?.(kind, state);
        this.#schedule();
      },
    });
    const bodies = isReferenced ? this.#createBodies(definition, reflector) : undefined;
    return { definition, reflector, map: new Map(), changes: new Map(), refused: new Map(), bodies };
  }

  /** Metadata alone: the definitions themselves are half a megabyte each. */
  #createDefinitions(): Reflector<Annotations> {
    return new Reflector<Annotations>({
      ...this.#reflectorOptions(),
      paths: [{ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' }],
      parts: 'Metadata',
      transform: (object) => prune(object).metadata.annotations ?? {},
      onChanges: (changes) => {
        const names = new Set(changes.map(({ name }) => name));
        for (const { definition, reflector } of this.#kinds.values()) {
          const isNamed = names.has(`${definition.plural}.${definition.group}`);
          if (isNamed && reflector.state.type === 'Absent') reflector.retryNow();
        }
        this.#hasNews = true;
        this.#schedule();
      },
      onState: () => this.#schedule(),
    });
  }

  #reflectorOptions(): Pick<Options<Served>, 'client' | 'clock' | 'limits' | 'onFault'> {
    const { client, clock, limits, onFault } = this.#options;
    return { client, clock, limits, onFault };
  }

  #createBodies(definition: KindDefinition, reflector: Reflector<Served>): Bodies {
    const { kind, group, plural, versions } = definition;
    const { client, clock } = this.#options;
    return new Bodies({
      client,
      clock,
      signal: this.#signal,
      pathOf(id) {
        const [namespace, name] = id.split('/') as [string, string];
        return { group, version: versions[0], plural, namespace, name };
      },
      isWanted: (name) => this.#references.isWanted({ kind: kind as ReferencedKind, name }),
      versionOf: (name) => reflector.store.get(name)?.observation.resourceVersion,
      onBody: (name, object) => this.#put(kind, name, object && readServed(object, definition, versions[0])),
      onError: (name, error) => this.#refuse(kind, name, textOf(error)),
      onSettled: () => this.#schedule(),
    });
  }

  #take(kind: string, changes: readonly Change<Served>[]): void {
    const { bodies } = this.#kinds.get(kind)!;
    for (const change of changes) {
      if (bodies) bodies.refresh(change.name);
      else this.#put(kind, change.name, change.type === 'Deleted' ? undefined : change.value);
      this.#options.onObserved?.(kind, change.name);
    }
    // What was waited for may have gone.
    if (bodies) this.#schedule();
  }

  /** An object is now as served; one that cannot be read stays what it was. */
  #put(kind: string, name: ResourceName, served: Served | undefined): void {
    const { definition, changes, map, refused } = this.#kinds.get(kind)!;
    if (served?.problem !== undefined) return this.#refuse(kind, name, served.problem);
    if (refused.delete(name)) this.#schedule();
    const before = changes.has(name) ? changes.get(name) : map.get(name);
    const after = served?.resource;
    if (before === after) return;
    // Mostly our own status, come back: nobody need look at it, and one object is enough to keep.
    if (before && served?.resource && isSame(before, served.resource)) {
      served.resource = before;
      return;
    }
    changes.set(name, after);
    if (definition.hasSchema) this.#references.replace(before, after);
    this.#schedule();
  }

  #refuse(kind: string, name: ResourceName, problem: string): void {
    const { refused } = this.#kinds.get(kind)!;
    refused.set(name, problem);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#signal.aborted) return;
    this.#isScheduled = true;
    const delayMs = this.#toldAt + minGapMs - performance.now();
    const tell = (): void => {
      this.#isScheduled = false;
      if (!this.#signal.aborted) this.#tell();
    };
    // A timer takes a millisecond at least, also where there is nothing to wait for.
    if (delayMs > 0) this.#timer = setTimeout(tell, delayMs);
    else setImmediate(tell);
  }

  /** Tells what changed, if the set is whole. */
  #tell(): void {
    const readers = [...this.#kinds.values()];
    if (!this.#isTold && !this.#isWhole(readers)) return;
    if (this.#isHeld(readers)) return;
    const hasChanged = readers.map(applyChanges).includes(true);
    const problems = this.#problems();
    const problemsText = JSON.stringify(problems);
    if (this.#isTold && !hasChanged && !this.#hasNews && problemsText === this.#toldProblems) return;
    this.#isTold = true;
    this.#hasNews = false;
    this.#toldProblems = problemsText;
    this.#toldAt = performance.now();
    const maps = new Map(readers.map(({ definition, map }) => [definition.kind, map]));
    try {
      this.#onChange(resourceSet(maps), problems);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  /** Definitions may be forbidden to us, and are then done without. */
  #isWhole(readers: readonly KindReader[]): boolean {
    return this.#definitions.state.type !== 'Listing' && readers.every(({ reflector }) => reflector.isSynced);
  }

  /** A Gateway must not be seen before the Secret that it names, which is on its way. */
  #isHeld(readers: readonly KindReader[]): boolean {
    clearTimeout(this.#holdTimer);
    if (readers.every(({ bodies }) => bodies?.isSettled ?? true)) {
      this.#heldSince = undefined;
      return false;
    }
    // The first set waits as long as it takes.
    if (!this.#isTold) return true;
    this.#heldSince ??= performance.now();
    const leftMs = this.#heldSince + maxHoldMs - performance.now();
    if (leftMs <= 0) return false;
    this.#holdTimer = setTimeout(() => this.#tell(), leftMs);
    return true;
  }

  #problems(): SourceProblem[] {
    const file = this.#options.cluster;
    return [...this.#kinds.values()].flatMap(({ definition: { kind, plural, group }, reflector, refused }) => {
      const found: SourceProblem[] = [...refused].map(([name, message]) => ({
        severity: 'error',
        file,
        object: `${kind} ${name}`,
        message,
      }));
      if (reflector.state.type === 'Absent')
        found.push({ severity: 'notice', file, message: `${kind} is off: the cluster has no ${plural}.${group}` });
      return found;
    });
  }
}

type Options<T> = ConstructorParameters<typeof Reflector<T>>[0];

/** Whether there were any. */
function applyChanges(reader: KindReader): boolean {
  if (reader.changes.size === 0) return false;
  reader.map = deriveMap(reader.map, reader.changes);
  reader.changes.clear();
  return true;
}

function textOf({ code, reason, message }: ApiError): string {
  return `cannot be read: ${message} (${code > 0 ? `${code} ` : ''}${reason})`;
}
