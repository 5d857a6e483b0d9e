/** What a file's text holds: objects that can be used, and what is wrong with the rest. Knows no files beyond their name. */
import { fieldText, type FieldProblem } from '../model/field-path.ts';
import { meantKind } from '../model/kinds.ts';
import { nameOf, type Resource } from '../model/resources.ts';
import { validate, type ObjectIdentity } from '../model/validate.ts';
import { parseManifests, type ParsedDocument, type Position } from '../model/yaml.ts';
import type { SourceProblem } from './source.ts';

export interface FileObject {
  readonly file: string;
  /** `HTTPRoute shop/cart`. */
  readonly id: string;
  readonly resource: Resource;
  /** Where it stands in its file. */
  readonly position: () => Position;
}

export interface FileContent {
  readonly objects: readonly FileObject[];
  /** Objects that are there but cannot be used. */
  readonly refused: ReadonlySet<string>;
  /**
   * Whether there may be objects beside those: something is there of which not even the name or kind can be told, or the last
   * document is refused, which is how a file ends that is cut off.
   */
  readonly mayHoldMore: boolean;
  readonly problems: readonly SourceProblem[];
  /** Kinds that are not ours, each once: `apps/v1 Deployment`, and its line. */
  readonly skippedKinds: ReadonlyMap<string, number>;
}

export function idOf(resource: Resource): string {
  return `${resource.kind} ${nameOf(resource)}`;
}

export function readObjects(file: string, text: string): FileContent {
  const objects = new Map<string, FileObject>();
  const refused = new Set<string>();
  const problems: SourceProblem[] = [];
  const skippedKinds = new Map<string, number>();
  let isNameless = false;
  let isLastRefused = false;
  for (const document of parseManifests(text)) {
    isLastRefused = false;
    if (document.type === 'Broken') {
      isNameless = true;
      problems.push({ severity: 'error', file, ...document.problem });
      continue;
    }
    problems.push(...document.warnings.map((warning) => ({ severity: 'warning' as const, file, ...warning })));
    const verdict = validate(document.value);
    if (verdict.type === 'UnknownKind') {
      const kind = `${verdict.apiVersion} ${verdict.kind}`;
      // Misspelt, or a file that is cut off within the word.
      if (meantKind(verdict.apiVersion, verdict.kind)) isNameless = true;
      if (!skippedKinds.has(kind)) skippedKinds.set(kind, document.locate([]).line);
      continue;
    }
    const object = verdict.type === 'Valid' ? idOf(verdict.resource) : textOf(verdict.identity);
    problems.push(...verdict.problems.map((problem) => withPlace(problem, { file, document, object })));
    if (verdict.type === 'Invalid') {
      isLastRefused = true;
      if (object === undefined) isNameless = true;
      else refused.add(object);
      continue;
    }
    const id = idOf(verdict.resource);
    const twin = objects.get(id);
    if (twin) problems.push(twiceInFile(file, id, { first: twin.position().line, again: document.locate([]) }));
    else objects.set(id, { file, id, resource: verdict.resource, position: startOf(document.locate) });
  }
  return { objects: [...objects.values()], refused, mayHoldMore: isNameless || isLastRefused, problems, skippedKinds };
}

/** Apart from the loop, so that what is kept is no more than the place. */
function startOf(locate: ParsedDocument['locate']): () => Position {
  return () => locate([]);
}

function textOf(identity: ObjectIdentity | undefined): string | undefined {
  return identity && `${identity.kind} ${identity.name}`;
}

function withPlace(
  { severity, path, message }: FieldProblem,
  { file, document, object }: { file: string; document: ParsedDocument; object: string | undefined },
): SourceProblem {
  return {
    severity,
    file,
    ...document.locate(path),
    ...(object !== undefined && { object }),
    ...(path.length > 0 && { field: fieldText(path) }),
    message,
  };
}

function twiceInFile(
  file: string,
  object: string,
  { first, again }: { first: number; again: Position },
): SourceProblem {
  const message = `is in this file twice: the one in line ${first} counts, this one is ignored`;
  return { severity: 'error', file, ...again, object, message };
}
