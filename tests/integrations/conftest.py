from tests.mlflow_itself import mlflow_python, mlflow_server

__all__ = ["mlflow_python", "mlflow_server"]
