import { join } from 'node:path'
import { describeTarget } from '@holdfast/testkit/vitest'
import { sqliteTarget } from '#sqlite-target'

describeTarget('sqlite', async ({ tempFolder }) => ({
  create: () => sqliteTarget({ path: join(tempFolder, 'vault.sqlite') }),
}))
