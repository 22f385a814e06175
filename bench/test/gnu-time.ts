import { skipsWithout } from 'holdfast-lab'
import { test } from 'vitest'

/** A test that measures a real command. */
export const measuredTest = test.skipIf(skipsWithout('time'))
