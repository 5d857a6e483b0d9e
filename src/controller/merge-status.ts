/**
 * Puts what we say of an object into the status it has: what others wrote stays as it is, to the timestamp, and in its place.
 * Pure. Knows no kind by name, but for the vocabulary of conditions.
 */
import { isEqual } from '../contract/config-diff.ts';
import { conditionReasons } from '../model/conditions.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface MergeOptions {
  /** Of the object. */
  readonly kind: string;
  readonly controllerName: string;
  /** RFC 3339, in whole seconds as the API server keeps it. */
  readonly now: string;
}

/** The API allows so many entries of parents or ancestors; those that are there stay, of whomever they are. */
const maxEntries: Readonly<Record<string, number>> = { parents: 32, ancestors: 16 };

/** And so many conditions of one thing, with so long a message each (metav1.Condition). */
const maxConditions = 8;
const maxMessageLength = 32_768;

/** What has conditions: an object, or a part of its status. */
type Subject = keyof typeof conditionReasons;

const ownTypes: Readonly<Partial<Record<string, ReadonlySet<string>>>> = Object.fromEntries(
  Object.entries(conditionReasons).map(([subject, types]) => [subject, new Set(Object.keys(types))]),
);

/**
 * The status as it should be. `ours` null: we have nothing (more) to say, so that only the entries of others stay.
 * A field that we do not write is kept.
 */
export function mergeStatus(before: unknown, ours: Fields | null, options: MergeOptions): Fields {
  const old = fieldsOf(before);
  const next: Record<string, unknown> = { ...old };
  for (const name of ['parents', 'ancestors']) {
    if (Array.isArray(old[name]) || Array.isArray(ours?.[name]))
      next[name] = mergeEntries(name, { old: listOf(old[name]), ours: listOf(ours?.[name]) }, options);
  }
  for (const [name, value] of Object.entries(ours ?? {})) {
    if (name in maxEntries) continue;
    if (name === 'conditions')
      next.conditions = mergeConditions(listOf(old.conditions), listOf(value), { ...options, of: options.kind });
    else if (name === 'listeners') next.listeners = mergeListeners(listOf(old.listeners), listOf(value), options);
    else next[name] = value;
  }
  // Said only as long as there is something to count.
  if (ours && !('attachedListenerSets' in ours)) delete next.attachedListenerSets;
  return next;
}

const referenceIn: Readonly<Record<string, string>> = { parents: 'parentRef', ancestors: 'ancestorRef' };

/** The references of our entries for which the lists of the merged status had no room. */
export function leftOut(merged: Fields, ours: Fields | null): readonly Fields[] {
  return Object.entries(referenceIn).flatMap(([name, reference]) => {
    const list = listOf(merged[name]);
    if (list.length < maxEntries[name]!) return [];
    const isIn = (own: Fields): boolean =>
      list.some((entry) => entry.controllerName === own.controllerName && isEqual(entry[reference], own[reference]));
    return listOf(ours?.[name]).flatMap((own) => (isIn(own) ? [] : [own[reference] as Fields]));
  });
}

/** Each entry is ours or somebody else's, by its controllerName. */
function mergeEntries(
  name: string,
  { old, ours }: { readonly old: readonly Fields[]; readonly ours: readonly Fields[] },
  options: MergeOptions,
): readonly Fields[] {
  const reference = referenceIn[name]!;
  const of: Subject = name === 'parents' ? 'Route' : 'Policy';
  const left = [...ours];
  const merge = (entry: Fields, known?: Fields): Fields => ({
    ...entry,
    conditions: mergeConditions(listOf(known?.conditions), listOf(entry.conditions), { ...options, of }),
  });
  const kept = old.flatMap((entry) => {
    if (entry.controllerName !== options.controllerName) return [entry];
    const at = left.findIndex((own) => isEqual(own[reference], entry[reference]));
    return at < 0 ? [] : [merge(left.splice(at, 1)[0]!, entry)];
  });
  return [...kept, ...left.map((entry) => merge(entry))].slice(0, maxEntries[name]);
}

function mergeListeners(old: readonly Fields[], ours: readonly Fields[], options: MergeOptions): readonly Fields[] {
  return ours.map((listener) => {
    const known = old.find(({ name }) => name === listener.name);
    const said = { ...options, of: 'Listener' } as const;
    const conditions = mergeConditions(listOf(known?.conditions), listOf(listener.conditions), said);
    return { ...listener, conditions };
  });
}

/** A type that is not in our vocabulary is somebody else's; one of ours that is not said any more goes. */
function mergeConditions(
  old: readonly Fields[],
  ours: readonly Fields[],
  { now, of }: { readonly now: string; readonly of: string },
): readonly Fields[] {
  const types = new Set(ours.map(({ type }) => type));
  const foreign = old.filter(({ type }) => !types.has(type) && !ownTypes[of]?.has(type as string));
  // The most important come first; what others say is not ours to take away.
  const room = ours.slice(0, Math.max(0, maxConditions - foreign.length));
  const left = new Map(room.map((condition) => [condition.type, written(condition)]));
  const kept = old.flatMap((condition) => {
    if (foreign.includes(condition)) return [condition];
    const own = left.get(condition.type);
    if (!own) return [];
    left.delete(condition.type);
    // The time of the last transition is that of `status`, not of reason or message.
    const lastTransitionTime = own.status === condition.status ? condition.lastTransitionTime : undefined;
    return [{ ...own, lastTransitionTime: lastTransitionTime ?? now }];
  });
  return [...kept, ...[...left.values()].map((own) => ({ ...own, lastTransitionTime: now }))];
}

/** As the API takes it. */
function written(condition: Fields): Fields {
  const { message } = condition;
  if (typeof message !== 'string' || message.length <= maxMessageLength) return condition;
  return { ...condition, message: `${message.slice(0, maxMessageLength - 1)}…` };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as Fields[]) : [];
}
