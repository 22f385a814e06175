import { existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { mountTmpfs, skipsWithoutTmpfs, tempFolder } from 'holdfast-lab'
import { expect, it, onTestFinished } from 'vitest'

it('a folder goes with all that is in it, when it is disposed or a hook is called', () => {
  let hook = () => {}
  const hooked = tempFolder((remove) => {
    hook = remove
  })
  let disposed = ''
  {
    using folder = tempFolder()
    disposed = folder.path
    mkdirSync(folder.at('a', 'b'), { recursive: true })
    expect(existsSync(`${disposed}/a/b`)).toBe(true)
  }
  expect([existsSync(disposed), existsSync(hooked.path)]).toEqual([false, true])
  hook()
  expect(existsSync(hooked.path)).toBe(false)
})

it.skipIf(skipsWithoutTmpfs())('a tmpfs runs full, can be made larger or read-only, and goes', () => {
  const folder = tempFolder(onTestFinished)
  const write = (name: string) => writeFileSync(folder.at('small', name), new Uint8Array(2 ** 20))
  const before = statfsSync(folder.path).type
  {
    using mount = mountTmpfs(folder.at('small'), '1536k')
    write('one')
    expect(() => write('two')).toThrow('ENOSPC')
    mount.remount('size=4m')
    write('two')
    mount.remount('ro')
    expect(() => write('three')).toThrow('EROFS')
  }
  expect(statfsSync(folder.at('small')).type).toBe(before)
  expect(existsSync(folder.at('small', 'one'))).toBe(false)
})
