import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { copyExample, type ExampleCopy, skipsWithout } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe.skipIf(skipsWithout('tgt'))('a weekly copy on tape', { timeout: 120_000 }, () => {
  let example: ExampleCopy
  const at = (...names: string[]) => join(example.folder, ...names)
  const holdfast = (...args: string[]) => example.holdfast(args)
  const onTape = async () => JSON.parse(await holdfast('list', '--target', 'tape', '--json'))
  beforeAll(async () => {
    example = copyExample(join(import.meta.dirname, '..'))
    // The page on this example may run at the same time, with the port of the file.
    const port = await freePort()
    const configuration = await readFile(at('holdfast.yaml'), 'utf8')
    await writeFile(at('holdfast.yaml'), configuration.replace('13260', String(port)))
    await example.run('node', ['make-machines.ts'])
    await example.run('./start-library.sh', [String(port)])
    await holdfast('init')
    await holdfast('run', 'nightly')
  }, 120_000)
  afterAll(async () => {
    if (existsSync(at('library', 'tgtd.pid')))
      process.kill(Number(await readFile(at('library', 'tgtd.pid'))), 'SIGKILL')
    example[Symbol.dispose]()
  })

  it('is made once a week, and not by the next run', async () => {
    const first = await onTape()
    expect(first.map(({ machine }: { machine: string }) => machine).sort()).toEqual(['db', 'web'])
    expect(await holdfast('run', 'nightly')).toContain('tape: no copy is due')
    expect(await onTape()).toEqual(first)
  })

  it('restores both machines without the disk target and without the catalog', async () => {
    await rm(at('vault'), { recursive: true })
    await rm(at('tape'), { recursive: true })
    await holdfast('tape', 'catalog', '--rebuild')
    await holdfast('restore', 'web@latest', 'db@latest', '--target', 'tape', '--to', 'restored')
    for (const machine of ['web', 'db']) {
      const original = await readFile(at('machines', machine, 'root.raw'))
      expect(original.equals(await readFile(at('restored', machine, 'root.raw'))), machine).toBe(true)
    }
  })

  it('keeps its cartridges when the library is stopped and started again', async () => {
    const before = await onTape()
    await example.run('./stop-library.sh', [])
    expect(existsSync(at('library', 'tgtd.pid'))).toBe(false)
    await expect(holdfast('tape', 'inventory')).rejects.toMatchObject({ code: 1 })
    const [, port = ''] = /port: (\d+)/.exec(await readFile(at('holdfast.yaml'), 'utf8')) ?? []
    await example.run('./start-library.sh', [port])
    await rm(at('tape'), { recursive: true })
    await holdfast('tape', 'catalog', '--rebuild')
    expect(await onTape()).toEqual(before)
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port')
  return address.port
}
