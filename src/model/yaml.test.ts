import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests, type ParsedDocument } from './yaml.ts';

function valuesOf(text: string): unknown[] {
  return parseManifests(text).map((document) => (document.type === 'Document' ? document.value : document.problem));
}

test('plain scalars mean what kubectl takes them for', () => {
  const cases: [text: string, value: unknown][] = [
    ['yes', true],
    ['Off', false],
    ['true', true],
    ['y', true],
    ['N', false],
    ['"n"', 'n'],
    ['"yes"', 'yes'],
    ['0644', 420],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b101', 5],
    ['0X1f', 31],
    ['1_000', 1000],
    ['1_0.5', 10.5],
    ['08', 8],
    ['-7', -7],
    ['1.5e3', 1500],
    ['~', null],
    ['', null],
    ['12:30:45', '12:30:45'],
    ['2026-01-01', '2026-01-01'],
    ['1.7.0', '1.7.0'],
    ['10s', '10s'],
  ];
  for (const [text, value] of cases) assert.deepEqual(valuesOf(`a: ${text}`), [{ a: value }], text);
});

test('keys are texts, whatever they look like', () => {
  assert.deepEqual(valuesOf('{n: 1, "y": 2, off-by: 3, 0x10: 4, on: 5}'), [
    { false: 1, y: 2, 'off-by': 3, 16: 4, true: 5 },
  ]);
});

test('a plain yes or off is worth a warning with its place', () => {
  const [document] = parseManifests('---\na:\n  b: yes\n  c: "no"\n  d: [on]\n  e: n\n') as [ParsedDocument];
  assert.deepEqual(
    document.warnings.map(({ line, column, message }) => [line, column, message.split(' ')[0]]),
    [
      [3, 6, 'yes'],
      [5, 7, 'on'],
      [6, 6, 'n'],
    ],
  );
});

test('documents are split at their markers; empty ones and comments are nothing', () => {
  assert.deepEqual(valuesOf('# only a comment\n---\na: 1\n---\n\n# nothing\n---\nb: 2\n...\n---\n'), [
    { a: 1 },
    { b: 2 },
  ]);
  assert.deepEqual(valuesOf('%YAML 1.2\n---\na: 1\n'), [{ a: 1 }]);
  assert.deepEqual(valuesOf('\uFEFFa: 1\r\n---\r\nb: 2\r\n'), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(valuesOf('a: |\n  ---\n  text\n'), [{ a: '---\ntext\n' }]);
  assert.deepEqual(valuesOf(''), []);
});

test('a broken document hides no other and tells its place in the file', () => {
  const documents = parseManifests('a: 1\n---\nb: [\n---\nc: 3\n');
  assert.deepEqual(
    documents.map((document) => (document.type === 'Broken' ? document.problem.line : document.value)),
    [{ a: 1 }, 4, { c: 3 }],
  );
});

test('usual mistakes get a hint', () => {
  const cases: [text: string, hint: RegExp][] = [
    ['a:\n\tb: 1\n', /a tab/],
    ['apiVersion: v1\nkind: A\napiVersion: v1\n', /line of ---/],
    ['a: 1\na: 2\n', /duplicated mapping key/],
    ['a: {{ .Values.x }}: b\n', /helm template/],
    ['hostname: *.example.com\n', /begins with \* is an alias.*quotes/],
  ];
  for (const [text, hint] of cases) {
    const [document] = parseManifests(text);
    assert.equal(document!.type, 'Broken', text);
    assert.match(document!.type === 'Broken' ? document!.problem.message : '', hint);
  }
});

test('a List is its items, with the places of each', () => {
  const documents = parseManifests('kind: List\nitems:\n- kind: A\n- kind: B\n  spec:\n    x: 1\n') as ParsedDocument[];
  assert.deepEqual(
    documents.map(({ value }) => (value as { kind: string }).kind),
    ['A', 'B'],
  );
  assert.deepEqual(documents[1]!.locate(['spec', 'x']), { line: 6, column: 5 });
});

test('JSON is read too, tabs and all', () => {
  assert.deepEqual(valuesOf('{\n\t"a": [1, true, null, "x"],\n\t"b": {"c": "\\u00e9"}\n}\n'), [
    { a: [1, true, null, 'x'], b: { c: 'é' } },
  ]);
});

test('JSON objects one after the other are documents, each with its place', () => {
  const text = '{"kind": "A"}\n{\n  "kind": "B",\n  "x": 1\n}\n\n{"kind": "C"}{"kind": "D"}\n{"kind": ]}\n';
  const documents = parseManifests(text);
  assert.deepEqual(
    documents.map((document) =>
      document.type === 'Document' ? (document.value as { kind: string }).kind : document.problem.line,
    ),
    ['A', 'B', 'C', 'D', 8],
  );
  assert.deepEqual((documents[1] as ParsedDocument).locate(['x']), { line: 4, column: 3 });
});

test('a place is found by its path; where nothing is, that of its parent', () => {
  const [document] = parseManifests('# c\nspec:\n  rules:\n  - name: "x"\n    m:\n    - p: 1\n') as [ParsedDocument];
  assert.deepEqual(document.locate(['spec', 'rules', 0, 'm', 0, 'p']), { line: 6, column: 7 });
  assert.deepEqual(document.locate(['spec', 'rules', 0, 'name']), { line: 4, column: 5 });
  assert.deepEqual(document.locate(['spec', 'rules', 0, 'missing', 'deeper']), { line: 4, column: 5 });
  assert.deepEqual(document.locate(['spec', 'none']), { line: 2, column: 1 });
});

test('aliases that grow without end are refused', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 8; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  const [document] = parseManifests(lines.join('\n'));
  assert.equal(document!.type, 'Broken');
});
