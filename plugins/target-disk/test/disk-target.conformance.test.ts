import { join } from 'node:path'
import { diskTarget } from '@holdfast/target-disk'
import { describeTarget } from '@holdfast/testkit/vitest'

describeTarget('target-disk', ({ tempFolder }) => ({
  create: () => diskTarget({ path: join(tempFolder, 'vault') }),
}))
