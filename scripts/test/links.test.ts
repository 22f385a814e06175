import { expect, test } from 'vitest'
import { headingsOf, linksOf } from '../lib/links.mjs'

test('links inside the repository are found with their lines; code and other sites are left out', () => {
  const page =
    '[a](./a.md) [b](https://example.org) `[c](c.md)`\n\n```md\n[d](d.md)\n```\n[e](../e.md#part "title")\n[f]: f.md'
  expect(linksOf('x.md', page)).toEqual([
    { file: 'x.md', line: 1, target: './a.md' },
    { file: 'x.md', line: 6, target: '../e.md#part' },
    { file: 'x.md', line: 7, target: 'f.md' },
  ])
})

test('headings become anchors, repeated ones get numbers, explicit ones keep theirs', () => {
  const page = '# The `put` call, twice\n## Same\n## Same\n## Other {#mine}\n```sh\n# no heading\n```\n'
  expect([...headingsOf(page)]).toEqual(['the-put-call-twice', 'same', 'same-1', 'mine'])
})
