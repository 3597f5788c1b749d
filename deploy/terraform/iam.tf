# A policy each for the loads, the transform, the maintenance and readers, and a role each to carry it. Where all tasks
# share one role (MWAA, one EC2 machine), attach the policies to that one.

locals {
  workers = toset(["load", "transform", "maintain"])
}

data "aws_caller_identity" "current" {}

resource "aws_iam_policy" "lake" {
  for_each = module.access.policies

  name        = "${var.bucket}-${each.key}"
  description = "What ${each.key} does in the lake s3://${var.bucket}/${var.prefix}, and no more."
  policy      = each.value
}

data "aws_iam_policy_document" "trust_worker" {
  for_each = setunion(local.workers, ["pages", "wait", "collect"])

  statement {
    actions = var.trusted_service == "pods.eks.amazonaws.com" ? ["sts:AssumeRole", "sts:TagSession"] : ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [var.trusted_service]
    }

    # On behalf of this account only.
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    # EKS Pod Identity names the pod that it asks for: an association of another account cannot take the role.
    dynamic "condition" {
      for_each = {
        for tag, value in {
          eks-cluster-name           = var.eks_cluster
          kubernetes-namespace       = var.namespace
          kubernetes-service-account = "gamelake-${each.key}"
        } : tag => value if value != null && var.trusted_service == "pods.eks.amazonaws.com"
      }

      content {
        test     = "StringEquals"
        variable = "aws:RequestTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "worker" {
  for_each = local.workers

  name               = "${var.bucket}-${each.key}"
  description        = "Taken by the tasks of Airflow that ${each.key}."
  assume_role_policy = data.aws_iam_policy_document.trust_worker[each.key].json
}

resource "aws_iam_role_policy_attachment" "worker" {
  for_each = local.workers

  role       = aws_iam_role.worker[each.key].name
  policy_arn = aws_iam_policy.lake[each.key].arn
}

# The service accounts of the pod templates in deploy/helm/values.yaml.
resource "aws_eks_pod_identity_association" "worker" {
  for_each = var.eks_cluster == null ? toset([]) : local.workers

  cluster_name    = var.eks_cluster
  namespace       = var.namespace
  service_account = "gamelake-${each.key}"
  role_arn        = aws_iam_role.worker[each.key].arn
}

# The API server reads the lake for its pages (docs/guides/last-night.md).
resource "aws_iam_role" "pages" {
  name               = "${var.bucket}-pages"
  description        = "Taken by Airflow's API server, whose pages read the lake."
  assume_role_policy = data.aws_iam_policy_document.trust_worker["pages"].json
}

resource "aws_iam_role_policy_attachment" "pages" {
  role       = aws_iam_role.pages.name
  policy_arn = aws_iam_policy.lake["read_restricted"].arn
}

resource "aws_eks_pod_identity_association" "pages" {
  count = var.eks_cluster == null ? 0 : 1

  cluster_name    = var.eks_cluster
  namespace       = var.namespace
  service_account = "gamelake-pages"
  role_arn        = aws_iam_role.pages.arn
}

# The event collector (docs/guides/events.md) and the capture of changes (docs/guides/change-capture.md) are no part of Airflow.
resource "aws_iam_role" "collect" {
  name               = "${var.bucket}-collect"
  description        = "Taken by the event collector and the capture of changes, which add to the inbox."
  assume_role_policy = data.aws_iam_policy_document.trust_worker["collect"].json
}

resource "aws_iam_role_policy_attachment" "collect" {
  role       = aws_iam_role.collect.name
  policy_arn = aws_iam_policy.lake["collect"].arn
}

resource "aws_eks_pod_identity_association" "collect" {
  count = var.eks_cluster == null ? 0 : 1

  cluster_name    = var.eks_cluster
  namespace       = var.namespace
  service_account = "gamelake-collect"
  role_arn        = aws_iam_role.collect.arn
}

# With the logs of tasks in the bucket, the tasks that only show the state of a model need a role too: for their logs.
resource "aws_iam_role" "wait" {
  count = var.task_logs ? 1 : 0

  name               = "${var.bucket}-wait"
  description        = "Taken by the tasks of Airflow that only show the state of a model."
  assume_role_policy = data.aws_iam_policy_document.trust_worker["wait"].json
}

resource "aws_eks_pod_identity_association" "wait" {
  count = var.task_logs && var.eks_cluster != null ? 1 : 0

  cluster_name    = var.eks_cluster
  namespace       = var.namespace
  service_account = "gamelake-wait"
  role_arn        = aws_iam_role.wait[0].arn
}

resource "aws_iam_role_policy_attachment" "logs" {
  for_each = var.task_logs ? merge(
    { for name, role in aws_iam_role.worker : name => role.name },
    { wait = aws_iam_role.wait[0].name },
  ) : {}

  role       = each.value
  policy_arn = aws_iam_policy.lake["logs"].arn
}

resource "aws_iam_role_policy_attachment" "read_logs" {
  count = var.task_logs ? 1 : 0

  role       = aws_iam_role.pages.name
  policy_arn = aws_iam_policy.lake["read_logs"].arn
}

data "aws_iam_policy_document" "trust_readers" {
  count = length(var.readers) > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.readers
    }
  }
}

resource "aws_iam_role" "read" {
  count = length(var.readers) > 0 ? 1 : 0

  name               = "${var.bucket}-read"
  description        = "Taken by those who read the lake in its bucket."
  assume_role_policy = data.aws_iam_policy_document.trust_readers[0].json
}

resource "aws_iam_role_policy_attachment" "read" {
  count = length(var.readers) > 0 ? 1 : 0

  role       = aws_iam_role.read[0].name
  policy_arn = aws_iam_policy.lake["read"].arn
}
