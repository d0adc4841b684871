"""The paper's conditions, backbones and tables beside ours."""
