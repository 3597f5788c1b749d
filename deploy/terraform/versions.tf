terraform {
  required_version = ">= 1.9" # conditions of a variable that name another variable

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "gamelake" }
  }
}
