import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const docs = join(import.meta.dirname, '..')

/** Lists the pages of a section for the sidebar: by `order` in their front matter, then by title. */
export function pagesIn(section: string): { text: string; link: string }[] {
  const folder = join(docs, section)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      const title = /^# (.+)$/m.exec(text)?.[1] ?? name
      const frontMatter = text.startsWith('---\n') ? (text.split('\n---\n')[0] ?? '') : ''
      const order = Number(/^order: (\d+)$/m.exec(frontMatter)?.[1] ?? 100)
      return { text: title, link: `/${section}/${name.slice(0, -'.md'.length)}`, order }
    })
    .sort((a, b) => a.order - b.order || a.text.localeCompare(b.text))
    .map(({ text, link }) => ({ text, link }))
}
