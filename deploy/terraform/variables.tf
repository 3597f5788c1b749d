variable "region" {
  description = "Where the bucket is; Airflow belongs into the same region, or each build pays for its transfer."
  type        = string
  default     = "ap-northeast-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region)) && !startswith(var.region, "cn-")
    error_message = "Expected a region such as ap-northeast-2. China has another partition (arn:aws-cn), which is not supported."
  }
}

variable "bucket" {
  description = "Name of the bucket to make. It belongs to the lake alone: Terraform owns all of its lifecycle rules."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "Expected 3 to 63 lower-case letters, digits and hyphens. No dots: TLS certificates do not cover them."
  }
}

variable "prefix" {
  description = "Folder of the lake in the bucket, without slashes at its ends; empty for the bucket's root."
  type        = string
  default     = "lake"

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$", var.prefix))
    error_message = "Expected folders such as lake or team/lake: letters, digits, hyphens and underscores, no slash at the ends."
  }
}

variable "noncurrent_days" {
  description = "Days for which S3 keeps what was overwritten or deleted: as long an accident can be taken back."
  type        = number
  default     = 30

  validation {
    # The audit, which notices a loss, is weekly; one that fails must not be the last.
    condition     = var.noncurrent_days >= 14 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "Expected a whole number of days, 14 or more: a weekly audit has to notice a deletion while it can be taken back."
  }
}

variable "task_logs" {
  description = "Whether Airflow keeps the logs of its tasks in the bucket, below logs/: its roles may then write and read them."
  type        = bool
  default     = false
}

variable "log_days" {
  description = "Days for which S3 keeps logs of tasks."
  type        = number
  default     = 90

  validation {
    condition     = var.log_days >= 1 && floor(var.log_days) == var.log_days
    error_message = "Expected a whole number of days, 1 or more."
  }
}

variable "trusted_service" {
  description = "Which AWS service may take the roles load, transform and maintain: where Airflow's tasks run."
  type        = string
  default     = "pods.eks.amazonaws.com"

  validation {
    condition     = contains(["pods.eks.amazonaws.com", "ecs-tasks.amazonaws.com"], var.trusted_service)
    error_message = "Expected pods.eks.amazonaws.com (EKS Pod Identity) or ecs-tasks.amazonaws.com. On MWAA or one EC2 machine, which have one role for all tasks, attach the policies to that role instead (output policy_arns)."
  }
}

variable "eks_cluster" {
  description = "Name of the EKS cluster that runs Airflow, or null: its pods then take the roles by the chart's service accounts."
  type        = string
  default     = null
}

variable "namespace" {
  description = "Kubernetes namespace of Airflow: only its accounts take the roles on EKS."
  type        = string
  default     = "airflow"
}

variable "readers" {
  description = "ARNs of the IAM roles or accounts that may take the role read; none makes no such role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.readers : can(regex("^arn:aws:iam::[0-9]{12}:(root|role/.+|user/.+)$", arn))])
    error_message = "Expected ARNs such as arn:aws:iam::111122223333:role/analysts; never *, which is everyone."
  }
}

variable "cdn" {
  description = "Whether CloudFront shows the lake's parts, commits and marts to everyone who knows the address; read docs/guides/deploy/aws.md first."
  type        = bool
  default     = false
}

variable "cdn_domain" {
  description = "A domain name of yours for the CDN, or null for CloudFront's own; your DNS has to point it there."
  type        = string
  default     = null
}

variable "cdn_certificate_arn" {
  description = "ACM certificate of cdn_domain, in us-east-1, where CloudFront looks for it."
  type        = string
  default     = null

  validation {
    condition     = (var.cdn_certificate_arn == null) == (var.cdn_domain == null)
    error_message = "Expected cdn_domain and cdn_certificate_arn together, or neither."
  }

  validation {
    condition     = var.cdn_certificate_arn == null ? true : startswith(var.cdn_certificate_arn, "arn:aws:acm:us-east-1:")
    error_message = "Expected a certificate of us-east-1: CloudFront accepts no other."
  }
}

variable "pointer_seconds" {
  description = "How long caches may keep what is replaced (pointers, marts at fixed addresses) when no invalidation reaches them."
  type        = number
  default     = 60

  validation {
    condition     = var.pointer_seconds >= 0 && var.pointer_seconds <= 3600
    error_message = "Expected 0 to 3600 seconds: a reader with an older pointer may ask for removed objects."
  }
}

variable "github_repository" {
  description = "owner/name of the repository whose workflow deploys, or null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "Expected owner/name, such as octocat/gamelake; a wildcard would let strangers in."
  }

  validation {
    condition     = var.github_repository == null || var.eks_cluster != null
    error_message = "Expected eks_cluster with github_repository: the workflow deploys to that cluster and to nothing else."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of the account's provider for GitHub's tokens, or null to make it: an account can have only one."
  type        = string
  default     = null

  validation {
    condition     = var.github_oidc_provider_arn == null ? true : can(regex("^arn:aws:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "Expected arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com, as `aws iam list-open-id-connect-providers` prints it."
  }
}

variable "github_environment" {
  description = "The repository's environment that may deploy; protect it with reviewers in GitHub."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.github_environment))
    error_message = "Expected the name of one environment, without wildcards."
  }
}
