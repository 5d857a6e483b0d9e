/** Reads YAML and JSON as `kubectl` does: YAML 1.1 booleans and octals, many documents, `List` objects. Knows no kinds. */
import { constructFromEvents, EVENT_ID, parseEvents, YAMLException, type Event } from 'js-yaml';
import type { FieldPath } from './field-path.ts';
import { splitDocuments, splitObjects, type Section } from './yaml-documents.ts';
import { locate, positionAt, surprisingWords, type Position } from './yaml-positions.ts';
import { kubernetesSchema } from './yaml-schema.ts';

export type { Position } from './yaml-positions.ts';

export interface ParsedDocument {
  readonly type: 'Document';
  readonly value: unknown;
  /** Where the field stands, or what is nearest to it where it is missing. Parses again: for errors only. */
  readonly locate: (path: FieldPath) => Position;
  readonly warnings: readonly YamlProblem[];
}

/** A document that is no YAML. */
export interface BrokenDocument {
  readonly type: 'Broken';
  readonly problem: YamlProblem;
}

export interface YamlProblem extends Position {
  readonly message: string;
}

/** A few hundred real manifests; YAML that grows to more by aliases is an attack. */
const maxAliasedValues = 100_000;

/** Every document that holds something; items of a `List` come as documents of their own. One that is broken hides no other. */
export function parseManifests(text: string): (ParsedDocument | BrokenDocument)[] {
  return splitDocuments(text).flatMap((section) => parseSection(section));
}

function parseSection(section: Section): (ParsedDocument | BrokenDocument)[] {
  try {
    const events = parseEvents(section.text, {});
    const values = constructFromEvents(events, { source: section.text, schema: kubernetesSchema, maxAliases: 1000 });
    if (hasAlias(events) && values.some((value) => countValues(value) > maxAliasedValues))
      return [broken(section, 0, 'aliases make this document too large')];
    return values.flatMap((value, index) => (value === null ? [] : documentsOf(section, value, index)));
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const objects = section.text.trimStart().startsWith('{') ? splitObjects(section) : [];
    if (objects.length > 1) return objects.flatMap((object) => parseSection(object));
    // Of a flow object as a key the parser tells no place; `{{ … }}` is how templates come to have one.
    const template = error.reason.includes('complex keys') ? section.text.indexOf('{{') : -1;
    const offset = template >= 0 ? template : (error.mark?.position ?? 0);
    return [broken(section, offset, hintFor(error.reason, section.text, offset))];
  }
}

function documentsOf(section: Section, value: unknown, index: number): ParsedDocument[] {
  const place = (path: FieldPath): Position => locate(section, path, index);
  const warnings = surprisingWords(section).map(({ word, position }) => ({
    ...position,
    message: `${word} is read as ${/^(?:y|yes|on)$/i.test(word)}, as kubectl does: write that, or put it in quotes`,
  }));
  const items = listItems(value);
  if (!items) return [{ type: 'Document', value, locate: place, warnings }];
  return items.map((item, at) => ({
    type: 'Document',
    value: item,
    locate: (path) => place(['items', at, ...path]),
    warnings: at === 0 ? warnings : [],
  }));
}

/** `v1 List`, and what `kubectl get -o yaml` writes of one kind, such as `HTTPRouteList`. */
function listItems(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items : undefined;
}

function broken(section: Section, offset: number, message: string): BrokenDocument {
  return { type: 'Broken', problem: { ...positionAt(section, offset), message } };
}

/** The parser's reason, and the usual cause where it is known. */
function hintFor(reason: string, text: string, offset = 0): string {
  // What follows the star is not repeated: it may be a secret.
  if (reason.startsWith('unidentified alias'))
    return 'a value that begins with * is an alias to YAML, and there is none of that name: put it in quotes, as in "*.example.com"';
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const line = text.slice(lineStart, (text.indexOf('\n', offset) + 1 || text.length + 1) - 1);
  if (/^(?: *apiVersion|kind):/.test(line) && reason === 'duplicated mapping key')
    return `${reason}: a new object begins with a line of --- before it`;
  if (/^ *\t/.test(line)) return `${reason}: YAML is indented with spaces, this line has a tab`;
  if (/\{\{.*\}\}/.test(line)) return `${reason}: this is a template; render it first, for example with helm template`;
  const cause = usualCauses.find(([start]) => reason.startsWith(start))?.[1];
  return cause === undefined ? reason : `${reason}: ${cause}`;
}

/** The parser says what it expected; what people did is mostly this. */
const usualCauses = [
  ['bad indentation of a', 'fields of one object begin in the same column; compare with the line above'],
  ['end of the stream or a document', 'this line is indented less than the object it should belong to, or is no YAML'],
  ['can not read a block mapping entry', 'a line above has no colon, or a --- that does not begin in the first column'],
  ['null byte is not allowed', 'this is no text in UTF-8'],
] as const;

function hasAlias(events: readonly Event[]): boolean {
  return events.some(({ type }) => type === EVENT_ID.ALIAS);
}

function countValues(value: unknown, limit = maxAliasedValues + 1): number {
  if (typeof value !== 'object' || value === null) return 1;
  let count = 1;
  for (const inner of Object.values(value)) {
    count += countValues(inner, limit - count);
    if (count >= limit) return limit;
  }
  return count;
}
