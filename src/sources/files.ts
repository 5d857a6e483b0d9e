/** Resources from files and folders, watched. Knows when to read which file; what is in it is judged by the model. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, normalize } from 'node:path';
import { meantKind } from '../model/kinds.ts';
import { FileTree, unreadableText } from './file-tree.ts';
import { buildKustomization, isKustomizationFile, type Build } from './kustomize.ts';
import { ObjectIndex } from './object-index.ts';
import { readObjects, type FileContent, type FileObject } from './read-objects.ts';
import type { Source, SourceListener, SourceProblem } from './source.ts';
import { watchBySystem, type WatchFolder } from './watch-folder.ts';

export interface FileSourceOptions {
  /** Files and folders; a file given by name is read whatever it is called. */
  readonly paths: readonly string[];
  /** By the system, unless another way is given. */
  readonly watchFolder?: WatchFolder;
}

export function createFileSource({ paths, watchFolder = watchBySystem }: FileSourceOptions): Source {
  let reader: FileReader | undefined;
  return {
    locate: (object) => reader?.locate(object),
    start(onChange, signal) {
      if (signal.aborted) return;
      reader = new FileReader([...new Set(paths.map(plainPath))], onChange, watchFolder);
      signal.addEventListener('abort', () => reader?.close(), { once: true });
      reader.start();
    },
  };
}

/** `k8s/` and `./k8s` are `k8s`: paths below it are made from it, and compared. */
function plainPath(path: string): string {
  return normalize(path).replace(/(?<=.)\/$/, '');
}

/** Editors write in several steps, and each of them is an event. */
const coalesceMs = 2;

/**
 * How long a file must be left alone before it is believed that something is gone from it: a file that is being written
 * looks empty or cut off, one that is being replaced is missing.
 */
const settleMs = 15;

interface LoadedFile {
  readonly stamp: string;
  readonly hash: string;
  readonly content: FileContent;
  /** Those of the content, and the last good state of what is broken. */
  readonly objects: readonly FileObject[];
}

class FileReader {
  readonly #tree: FileTree;
  readonly #onChange: SourceListener;
  readonly #index = new ObjectIndex();
  readonly #files = new Map<string, LoadedFile>();
  readonly #due = new Map<string, number>();
  /** The stamps that are looked at a second time before they are believed. */
  readonly #doubted = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #told = '';

  constructor(paths: readonly string[], onChange: SourceListener, watchFolder: WatchFolder) {
    this.#onChange = onChange;
    this.#tree = new FileTree(paths, (file) => this.#enqueue(file), watchFolder);
  }

  start(): void {
    this.#tree.start();
    for (const file of this.#tree.files.toSorted()) this.#load(file, { isSettled: true });
    this.#due.clear();
    this.#index.takeChanges();
    this.#tell();
  }

  locate(object: string): { readonly file: string; readonly line: number } | undefined {
    return this.#index.locate(object);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tree.close();
  }

  #enqueue(file: string, delayMs = coalesceMs): void {
    // An earlier time stands: it is a look at the file as it is then.
    const at = performance.now() + delayMs;
    if ((this.#due.get(file) ?? Infinity) <= at) return;
    this.#due.set(file, at);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#due.size === 0) return;
    const next = Math.min(...this.#due.values());
    this.#timer = setTimeout(() => this.#run(), Math.max(0, next - performance.now()));
  }

  #run(): void {
    const now = performance.now() + 0.5;
    for (const [file, at] of this.#due) {
      if (at > now) continue;
      this.#due.delete(file);
      this.#load(file, { isSettled: false });
    }
    this.#arm();
    const hasChanged = this.#index.takeChanges() !== null;
    if (hasChanged || this.#problemsText() !== this.#told) this.#tell();
  }

  #load(file: string, { isSettled }: { isSettled: boolean }): void {
    const stamp = this.#tree.stampOf(file) ?? gone;
    const before = this.#files.get(file);
    if ((before?.stamp ?? gone) === stamp) return;
    const isBuilt = this.#tree.isKustomization(file);
    const build = stamp === gone ? { text: '' } : isBuilt ? buildKustomization(dirname(file)) : readText(file);
    // It vanished between the two looks.
    if (build === undefined) return this.#enqueue(file, settleMs);
    const hash = createHash('sha1').update(build.text).digest('base64');
    if (before?.hash === hash && stamp !== gone) {
      this.#files.set(file, { ...before, stamp });
      // The next time that it is missing is not the second look at this one.
      this.#doubted.delete(file);
      return;
    }
    const held = before?.objects ?? [];
    const content =
      build.text.trim() === '' && stamp !== gone && held.length > 0 ? emptied(file) : this.#contentOf(file, build);
    const objects = withLastGood(content, held);
    if (!isSettled && isDoubtful(content, objects, held) && this.#doubted.get(file) !== stamp) {
      this.#doubted.set(file, stamp);
      return this.#enqueue(file, settleMs);
    }
    this.#doubted.delete(file);
    this.#index.replace(held, objects);
    if (stamp === gone) this.#files.delete(file);
    else this.#files.set(file, { stamp, hash, content, objects });
  }

  #contentOf(file: string, build: Build): FileContent {
    if (this.#tree.isKustomization(file)) return withoutPlaces(contentOf(file, build));
    return isKustomizationFile(file) ? contentOfUnbuilt(file) : contentOf(file, build);
  }

  #tell(): void {
    this.#told = this.#problemsText();
    this.#onChange(this.#index.resources(), this.#problems());
  }

  #problemsText(): string {
    return JSON.stringify(this.#problems());
  }

  #problems(): SourceProblem[] {
    const problems = [...this.#tree.problems()];
    const skipped = new Map<string, SourceProblem>();
    for (const [file, { content }] of this.#files) {
      problems.push(...content.problems);
      for (const [kind, line] of content.skippedKinds)
        if (!skipped.has(kind)) skipped.set(kind, skippedKind(file, kind, line));
    }
    // A file that is renamed has its objects under both names, until it is believed that the old one is gone.
    const doubles = this.#index.problems((file) => this.#due.has(file));
    return [...problems, ...doubles, ...skipped.values()];
  }
}

/** The stamp of what is not there. */
const gone = '';

const noContent: FileContent = {
  objects: [],
  refused: new Set(),
  mayHoldMore: false,
  problems: [],
  skippedKinds: new Map(),
};

function contentOf(file: string, { text, problem }: Build): FileContent {
  return problem === undefined ? readObjects(file, text) : unreadable(file, problem);
}

function unreadable(file: string, message: string): FileContent {
  return { ...noContent, mayHoldMore: true, problems: [{ severity: 'error', file, message }] };
}

/** What `helm template . > file` makes of it before it writes; nobody empties a file to say that nothing is wanted. */
function emptied(file: string): FileContent {
  return unreadable(file, 'is empty: delete the file to take away what it held');
}

/** Only what is named is built: below a folder there are mostly a base and overlays, of which one alone is meant. */
function contentOfUnbuilt(file: string): FileContent {
  const message = `is not built, and the files beside it are read as they are: to build it, name its folder ${dirname(file)} instead`;
  return { ...noContent, problems: [{ severity: 'warning', file, message }] };
}

/** Lines of what was built are in no file. */
function withoutPlaces(content: FileContent): FileContent {
  const start = { line: 1, column: 1 };
  return {
    ...content,
    objects: content.objects.map((object) => ({ ...object, position: () => start })),
    problems: content.problems.map(({ line: _line, column: _column, ...rest }) => rest),
  };
}

/** The objects of a file; in the place of what is broken, what was there before. */
function withLastGood(content: FileContent, before: readonly FileObject[]): readonly FileObject[] {
  if (!content.mayHoldMore && content.refused.size === 0) return content.objects;
  const present = new Set(content.objects.map(({ id }) => id));
  const kept = before.filter(({ id }) => !present.has(id) && (content.mayHoldMore || content.refused.has(id)));
  return [...content.objects, ...kept];
}

/** Whether the file may only look like this because somebody is in the middle of writing it. */
function isDoubtful(content: FileContent, objects: readonly FileObject[], before: readonly FileObject[]): boolean {
  const ids = new Set(objects.map(({ id }) => id));
  return before.some(({ id }) => !ids.has(id)) || content.problems.some(({ severity }) => severity === 'error');
}

/** The file as it is, or why it cannot be read; undefined where it is gone. */
function readText(file: string): Build | undefined {
  try {
    return { text: readFileSync(file, 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const problem = unreadableText(error as NodeJS.ErrnoException);
    return { text: problem, problem };
  }
}

function skippedKind(file: string, kind: string, line: number): SourceProblem {
  const [apiVersion = '', name = ''] = kind.split(' ');
  const meant = meantKind(apiVersion, name);
  const message = meant
    ? `${kind} is not a kind that Headgate reads: did you mean ${meant.text}?`
    : `${kind} is not a kind that Headgate reads: all of them are skipped`;
  return { severity: meant ? (meant.isSure ? 'error' : 'warning') : 'notice', file, line, message };
}
