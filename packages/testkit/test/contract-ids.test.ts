import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checksByKind } from '../src/index.js'

const contract = join(import.meta.dirname, '../../core/src/contract')
const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const checks = Object.values(checksByKind).flatMap((ofKind) =>
  ofKind.map(({ id, kind, title }) => ({ id, kind, title })),
)

/** Ids in backquotes after `Checked by:` up to the end of the sentence, over the lines of a doc comment. */
function idsNamedByContract(): readonly string[] {
  return readdirSync(contract).flatMap((file) => {
    const text = readFileSync(join(contract, file), 'utf8').replace(/\n\s*\*/g, ' ')
    return [...text.matchAll(/Checked by:([^.@]*)/g)].flatMap((sentence) =>
      [...(sentence[1] ?? '').matchAll(/`([^`]+)`/g)].map((id) => id[1] ?? ''),
    )
  })
}

describe('the checks', () => {
  test('include every one that the contract names', () => {
    const named = idsNamedByContract()
    expect(named.length).toBeGreaterThan(25)
    expect(named.filter((id) => !checks.some((check) => check.id === id))).toEqual([])
  })

  test('are all described in the README, with their titles', () => {
    expect(checks.filter(({ id, title }) => !readme.includes(`| \`${id}\` | ${title} |`))).toEqual([])
  })

  test('are all there that the README describes', () => {
    const described = [...readme.matchAll(/^\| `([a-z-]+\/[a-z/-]+)` \|/gm)].map((match) => match[1])
    expect(described.toSorted()).toEqual(checks.map(({ id }) => id).sort())
  })

  test('have ids of their own that start with their kind', () => {
    expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length)
    for (const { id, kind } of checks) expect(id.startsWith(`${kind}/`), id).toBe(true)
  })
})
