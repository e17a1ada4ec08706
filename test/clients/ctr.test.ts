import { testClient } from './client-tests.ts'
import { ctr } from './ctr.ts'

testClient(ctr)
