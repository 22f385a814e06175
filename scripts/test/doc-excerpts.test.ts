import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fencesOf } from '../lib/fences.mjs'
import { markdownFiles } from '../lib/source-files.mjs'
import { root } from '../lib/workspace.mjs'

const excerpts = markdownFiles()
  .flatMap((file) => fencesOf(file, readFileSync(join(root, file), 'utf8')))
  .flatMap(({ file, line, rest, text }) => {
    const [, source] = /^ignore an excerpt of (\S+)$/.exec(rest) ?? []
    return source === undefined ? [] : [{ place: `${file}:${line}`, source, text }]
  })

test('there are excerpts to compare', () => {
  expect(excerpts.length).toBeGreaterThan(3)
})

test.each(excerpts)('$place is what $source says', ({ source, text }) => {
  expect(readFileSync(join(root, source), 'utf8')).toContain(text.trimEnd())
})
