# GitHub's workflow deploys with a token of its own run, which AWS changes for an hour's credentials: no key is stored.

locals {
  github = var.github_repository == null ? 0 : 1
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_oidc_provider_arn == null ? local.github : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust_github" {
  count = local.github

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.github_oidc_provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.github_oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    # One environment of one repository: pull requests, other branches and forks have another subject.
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.github_repository}:environment:${var.github_environment}"]
    }
  }
}

resource "aws_iam_role" "deploy" {
  count = local.github

  name                 = "${var.bucket}-deploy"
  description          = "Taken by the deploy workflow of ${var.github_repository}."
  assume_role_policy   = data.aws_iam_policy_document.trust_github[0].json
  max_session_duration = 3600
}

# What it may do in AWS is to find the cluster; what it may do there is its access entry's to say: one namespace.
data "aws_iam_policy_document" "deploy" {
  count = local.github

  statement {
    actions   = ["eks:DescribeCluster"]
    resources = ["arn:aws:eks:${var.region}:${data.aws_caller_identity.current.account_id}:cluster/${var.eks_cluster}"]
  }
}

resource "aws_iam_role_policy" "deploy" {
  count = local.github

  name   = "find-the-cluster"
  role   = aws_iam_role.deploy[0].id
  policy = data.aws_iam_policy_document.deploy[0].json
}

resource "aws_eks_access_entry" "deploy" {
  count = local.github

  cluster_name  = var.eks_cluster
  principal_arn = aws_iam_role.deploy[0].arn
}

resource "aws_eks_access_policy_association" "deploy" {
  count = local.github

  cluster_name  = var.eks_cluster
  principal_arn = aws_iam_role.deploy[0].arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy" # the chart makes roles, too

  access_scope {
    type       = "namespace"
    namespaces = [var.namespace]
  }

  depends_on = [aws_eks_access_entry.deploy]
}
