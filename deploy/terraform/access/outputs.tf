output "policies" {
  description = "The policy of each role, as JSON."
  value = {
    for role, statements in local.statements : role => jsonencode({ Version = "2012-10-17", Statement = statements })
  }
}

output "bucket_policy" {
  description = "The bucket's own policy, as JSON."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.bucket_statements })
}

output "lifecycle_rules" {
  description = "What S3 removes, and when: objects by the value of their tag `status`, or unfinished uploads."
  value       = local.lifecycle_rules
}

output "immutable_paths" {
  description = "Paths of objects that are never written twice, in the order in which a cache has to look."
  value       = local.immutable_paths
}

output "mutable_paths" {
  description = "Paths of objects that are replaced; after the immutable ones."
  value       = local.mutable_paths
}

output "logs_prefix" {
  description = "Where the logs of Airflow's tasks are in the bucket, if they are."
  value       = local.logs_prefix
}
