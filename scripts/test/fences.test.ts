import { expect, test } from 'vitest'
import { fenceTypeErrors } from '../lib/fence-types.mjs'
import { fencesOf } from '../lib/fences.mjs'

const page = `# A page

\`\`\`ts
import { greeting } from './greeting.js'
greeting.length
greeting.size
\`\`\`

- in a list
  \`\`\`ts [greeting.ts]
  export const greeting = 'hello'
  \`\`\`

\`\`\`\`md
\`\`\`ts
not a fence of its own
\`\`\`
\`\`\`\`
`

test('fences are found with their place, their words and their text without the indentation', () => {
  expect(fencesOf('a.md', page)).toMatchObject([
    { file: 'a.md', line: 4, language: 'ts', rest: '' },
    { file: 'a.md', line: 11, language: 'ts', rest: '[greeting.ts]', text: "export const greeting = 'hello'" },
    { file: 'a.md', line: 15, language: 'md', text: '```ts\nnot a fence of its own\n```' },
  ])
})

test('a fence that is never closed is an error with its place', () => {
  expect(() => fencesOf('a.md', '# A\n```ts\nconst a = 1')).toThrow('a.md:3')
})

test('a wrong type is found at its line, and fences of a page import each other by their titles', () => {
  const fences = fencesOf('a.md', page).filter(({ language }) => language === 'ts')
  expect(fenceTypeErrors(fences)).toMatchObject([
    { line: 6, message: expect.stringContaining("'size' does not exist") },
  ])
})

test('fences of different pages do not see each other', () => {
  const [first] = fencesOf('a.md', page)
  const others = fencesOf('b.md', page).slice(1, 2)
  const errors = fenceTypeErrors([...(first === undefined ? [] : [first]), ...others])
  expect(errors).toMatchObject([{ line: 4, message: expect.stringContaining('./greeting.js') }])
})
