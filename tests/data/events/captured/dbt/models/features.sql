select age, income, income / age as ratio from {{ ref("clean") }}
