output "GAMELAKE_URI" {
  description = "For every Airflow process."
  value       = "s3://${var.bucket}${var.prefix == "" ? "" : "/${var.prefix}"}"
}

output "GAMELAKE_CDN_URL" {
  description = "Where readers find the lake, or null."
  value       = var.cdn ? "https://${coalesce(var.cdn_domain, aws_cloudfront_distribution.lake[0].domain_name)}" : null
}

output "distribution_id" {
  description = "The CloudFront distribution whose caches are invalidated, or null."
  value       = var.cdn ? aws_cloudfront_distribution.lake[0].id : null
}

output "role_arns" {
  description = "Roles of the tasks of Airflow, of its pages, of the event collector, of readers and of the deploy workflow."
  value = merge(
    { for name, role in aws_iam_role.worker : name => role.arn },
    { pages = aws_iam_role.pages.arn, collect = aws_iam_role.collect.arn },
    { for role in aws_iam_role.wait : "wait" => role.arn },
    { for role in aws_iam_role.read : "read" => role.arn },
    { for role in aws_iam_role.deploy : "deploy" => role.arn },
  )
}

output "policy_arns" {
  description = "The policies by themselves, for a role that exists already, such as MWAA's execution role."
  value       = { for name, policy in aws_iam_policy.lake : name => policy.arn }
}
