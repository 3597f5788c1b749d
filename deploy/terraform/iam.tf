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
  }
}

resource "aws_iam_role" "worker" {
  for_each = local.workers

  name               = "${var.bucket}-${each.key}"
  description        = "Taken by the tasks of Airflow that ${each.key}."
  assume_role_policy = data.aws_iam_policy_document.trust_worker.json
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
  assume_role_policy = data.aws_iam_policy_document.trust_worker.json
}

resource "aws_iam_role_policy_attachment" "pages" {
  role       = aws_iam_role.pages.name
  policy_arn = aws_iam_policy.lake["read"].arn
}

resource "aws_eks_pod_identity_association" "pages" {
  count = var.eks_cluster == null ? 0 : 1

  cluster_name    = var.eks_cluster
  namespace       = var.namespace
  service_account = "gamelake-pages"
  role_arn        = aws_iam_role.pages.arn
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
