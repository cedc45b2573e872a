-- SPDX-License-Identifier: Apache-2.0
-- Health of a CloneSet for Argo CD by its conditions Ready and Stalled. The script that comes with Argo CD looks at a few
-- counters only; docs/status.md says what it makes of them, and how to use this one instead.
local health = {status = "Progressing", message = "the controller has not seen this generation yet"}

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
      if condition.reason == "Paused" or condition.reason == "PartitionReached" then
        health.status = "Suspended"
      end
    end
  elseif condition.type == "Stalled" and condition.status == "True" then
    health.status = "Degraded"
    health.message = condition.message
    return health
  end
end
return health
